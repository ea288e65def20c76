//! An error is told even when there is no memory left to copy its text into.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ffi::c_char;

use engine::tch::{Device, Kind, Tensor};
use engine::{AdamW, AdamWSettings, Clip, Optimizer, Parameter};

/// Stands in for the C library's function in this whole program, and finds no memory, ever.
///
/// # Safety
/// It reads nothing and answers null, which `strdup` may do at any time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strdup(_text: *const c_char) -> *mut c_char {
    std::ptr::null_mut()
}

#[test]
fn an_error_whose_text_cannot_be_copied_is_no_success() {
    let weights = Tensor::zeros([2], (Kind::ComplexFloat, Device::Cpu)).set_requires_grad(true);
    let mut optimizer =
        AdamW::new(vec![Parameter::new("weights".to_owned(), weights.shallow_clone())], AdamWSettings::default());
    weights.abs().sum(Kind::Float).backward();
    let clip = Clip { norm: Tensor::from(1.0_f32), coefficient: Tensor::from(1.0_f32) };
    let error = optimizer.step(0.1, &clip).unwrap_err().to_string();
    assert!(error.starts_with("tensor engine: the AdamW step failed: "), "{error}");
}
