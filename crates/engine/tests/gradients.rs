//! Gradients are off exactly where they are said to be off.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use engine::no_grad;
use engine::tch::{Kind, Tensor};

fn records_gradients() -> bool {
    let weight = Tensor::from_slice(&[1.0f32]).set_requires_grad(true);
    (&weight * 2.0).sum(Kind::Float).requires_grad()
}

#[test]
fn nothing_is_recorded_within_and_everything_afterwards() {
    assert!(!no_grad(records_gradients));
    assert!(records_gradients());
    no_grad(|| {
        no_grad(|| ());
        assert!(!records_gradients());
    });
}

#[test]
fn a_panic_within_leaves_gradients_on() {
    let panicked = catch_unwind(AssertUnwindSafe(|| no_grad(|| panic!("as libtorch does when memory is short"))));
    assert!(panicked.is_err());
    assert!(records_gradients());
}
