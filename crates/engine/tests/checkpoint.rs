//! What is computed again in the backward pass has the gradients of what was kept.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use engine::tch::{Kind, Tensor};
use engine::{Generator, Mt19937, Segment, no_grad};

/// The same numbers at every call: the tests compare bits.
fn numbers(seed: u64, shape: &[i64]) -> Tensor {
    Mt19937::new(seed).normal(shape)
}

fn leaf(seed: u64, shape: &[i64]) -> Tensor {
    numbers(seed, shape).set_requires_grad(true)
}

/// A layer with a residual, which uses each of its inputs more than once, and counts how often it computes.
#[derive(Debug)]
struct Layer {
    weight: Tensor,
    computed: Arc<AtomicUsize>,
}

impl Layer {
    fn new(weight: &Tensor) -> Self {
        Self { weight: weight.shallow_clone(), computed: Arc::default() }
    }

    fn mix(&self, inputs: &[Tensor]) -> Tensor {
        self.computed.fetch_add(1, Ordering::Relaxed);
        let (x, shift) = (&inputs[0], &inputs[1]);
        let inner = (x.matmul(&self.weight) + shift).gelu("none");
        x + inner * shift.sigmoid()
    }
}

/// The output of layers that share an input and whose outputs are used again later, as a UNet's are, and the gradients of
/// all that it depends on.
fn chain(recompute: bool) -> Vec<Tensor> {
    let weights: Vec<Tensor> = (0..3).map(|seed| leaf(seed, &[16, 16])).collect();
    let (x, shift) = (leaf(10, &[4, 16]), leaf(11, &[1, 16]));
    let mut h = &x * 1.5;
    let mut skips = vec![h.shallow_clone()];
    for weight in &weights {
        h = Segment::new(Layer::new(weight)).forward(&[&h, &shift], recompute, Layer::mix);
        skips.push(h.shallow_clone());
    }
    for skip in &skips {
        h = (h + skip) * skip.tanh();
    }
    let output = h.square().mean(Kind::Float);
    output.backward();
    [output, x.grad(), shift.grad()].into_iter().chain(weights.iter().map(Tensor::grad)).collect()
}

#[test]
fn outputs_and_gradients_of_a_whole_graph_are_equal_to_the_last_bit() {
    let (kept, computed_again) = (chain(false), chain(true));
    assert_eq!(kept.len(), 6);
    for (first, second) in kept.iter().zip(&computed_again) {
        assert!(first.equal(second));
        assert!(first.abs().max().double_value(&[]) > 0.0);
    }
}

#[test]
fn a_piece_computes_once_more_in_the_backward_pass_and_not_without_one() {
    let layer = Layer::new(&leaf(0, &[16, 16]));
    let computed = Arc::clone(&layer.computed);
    let segment = Segment::new(layer);
    let (x, shift) = (leaf(1, &[2, 16]), numbers(2, &[1, 16]));
    let output = segment.forward(&[&x, &shift], true, Layer::mix);
    assert_eq!(computed.load(Ordering::Relaxed), 1);
    output.sum(Kind::Float).backward();
    assert_eq!(computed.load(Ordering::Relaxed), 2);
    let inference = no_grad(|| segment.forward(&[&x, &shift], true, Layer::mix));
    assert!(!inference.requires_grad() && inference.equal(&output));
    assert_eq!(computed.load(Ordering::Relaxed), 3);
}

#[test]
fn weights_inside_get_gradients_when_no_input_wants_one() {
    let gradient = |recompute| {
        let weight = leaf(0, &[16, 16]);
        let (x, shift) = (numbers(1, &[2, 16]), numbers(2, &[1, 16]));
        Segment::new(Layer::new(&weight)).forward(&[&x, &shift], recompute, Layer::mix).sum(Kind::Float).backward();
        assert!(!x.grad().defined() && !shift.grad().defined());
        weight.grad()
    };
    assert!(gradient(false).equal(&gradient(true)));
}

#[test]
fn inputs_get_gradients_when_the_weights_are_frozen() {
    let gradients = |recompute| {
        let weight = numbers(0, &[16, 16]);
        let (x, shift) = (leaf(1, &[2, 16]), numbers(2, &[1, 16]));
        Segment::new(Layer::new(&weight)).forward(&[&x, &shift], recompute, Layer::mix).sum(Kind::Float).backward();
        assert!(!weight.grad().defined() && !shift.grad().defined());
        x.grad()
    };
    assert!(gradients(false).equal(&gradients(true)));
}

#[test]
fn where_nothing_wants_a_gradient_none_is_computed() {
    let segment = Segment::new(Layer::new(&numbers(0, &[16, 16])));
    let (x, shift) = (numbers(1, &[2, 16]), numbers(2, &[1, 16]));
    segment.forward(&[&x, &shift], true, Layer::mix).sum(Kind::Float).backward();
    assert!(!x.grad().defined());
}

#[test]
fn integers_and_inputs_that_come_back_unchanged_are_inputs_like_others() {
    let gradient = |recompute| {
        let table = leaf(0, &[8, 4]);
        let rows = Tensor::from_slice(&[1_i64, 5, 1]);
        let segment = Segment::new(());
        let picked = segment.forward(&[&table, &rows], recompute, |(), inputs| inputs[0].index_select(0, &inputs[1]));
        let same = segment.forward(&[&picked], recompute, |(), inputs| inputs[0].shallow_clone());
        (same * numbers(1, &[3, 4])).sum(Kind::Float).backward();
        table.grad()
    };
    assert!(gradient(false).equal(&gradient(true)));
}

#[test]
fn a_piece_may_have_pieces() {
    let gradient = |recompute| {
        let (weight, x, shift) = (leaf(0, &[16, 16]), leaf(1, &[2, 16]), leaf(2, &[1, 16]));
        let inner = Segment::new(Layer::new(&weight));
        let run = if recompute {
            |inner: &Segment<Layer>, inputs: &[Tensor]| {
                inner.forward(&[&inputs[0], &inputs[1]], true, Layer::mix).tanh()
            }
        } else {
            |inner: &Segment<Layer>, inputs: &[Tensor]| {
                inner.forward(&[&inputs[0], &inputs[1]], false, Layer::mix).tanh()
            }
        };
        Segment::new(inner).forward(&[&x, &shift], recompute, run).sum(Kind::Float).backward();
        [weight.grad(), x.grad(), shift.grad()]
    };
    for (first, second) in gradient(false).iter().zip(&gradient(true)) {
        assert!(first.equal(second));
    }
}

#[test]
fn gradients_of_several_passes_add_up() {
    let gradient = |recompute| {
        let weight = leaf(0, &[16, 16]);
        let segment = Segment::new(Layer::new(&weight));
        for seed in [1, 2] {
            let (x, shift) = (leaf(seed, &[2, 16]), numbers(3, &[1, 16]));
            segment.forward(&[&x, &shift], recompute, Layer::mix).sum(Kind::Float).backward();
        }
        weight.grad()
    };
    assert!(gradient(false).equal(&gradient(true)));
}

#[test]
fn the_graph_keeps_the_piece_and_lets_it_go_with_itself() {
    let layer = Layer::new(&leaf(0, &[16, 16]));
    let alive = Arc::downgrade(&layer.computed);
    let (x, shift) = (leaf(1, &[2, 16]), numbers(2, &[1, 16]));
    let output = Segment::new(layer).forward(&[&x, &shift], true, Layer::mix);
    assert_eq!(alive.strong_count(), 1, "the segment is gone, its graph is not");
    // Another thread may well compute and end it.
    thread::spawn(move || output.sum(Kind::Float).backward()).join().unwrap();
    assert_eq!(alive.strong_count(), 0);
    assert!(x.grad().defined());
}

#[test]
fn an_input_that_was_changed_in_between_is_an_error() {
    let segment = Segment::new(Layer::new(&leaf(0, &[16, 16])));
    let (x, shift) = (leaf(1, &[2, 16]), numbers(2, &[1, 16]));
    let mut h = &x * 2.0;
    let output = segment.forward(&[&h, &shift], true, Layer::mix).sum(Kind::Float);
    let _ = h.fill_(0.0);
    let error = output.f_backward().unwrap_err().to_string();
    assert!(error.contains("modified by an inplace operation"), "{error}");
}

#[test]
fn a_panic_of_the_piece_is_the_error_of_whoever_asked_for_gradients() {
    let segment = Segment::new(AtomicUsize::new(0));
    let x = leaf(1, &[2, 16]);
    let output = segment.forward(&[&x], true, |calls, inputs| {
        assert!(calls.fetch_add(1, Ordering::Relaxed) == 0, "can't allocate memory: it is test day");
        inputs[0].tanh()
    });
    let error = output.sum(Kind::Float).f_backward().unwrap_err().to_string();
    assert!(error.contains("can't allocate memory: it is test day"), "{error}");
    // The piece is usable afterwards.
    let forward = || segment.forward(&[&x], true, |calls, inputs| &inputs[0] * calls.load(Ordering::Relaxed) as f64);
    assert!(forward().equal(&(&x * 2.0)));
}

#[test]
fn a_panic_of_the_forward_pass_passes_through() {
    let segment = Segment::new(());
    let x = leaf(1, &[2, 16]);
    let panicked = catch_unwind(AssertUnwindSafe(|| segment.forward(&[&x], true, |(), _| panic!("no"))));
    assert_eq!(panicked.unwrap_err().downcast_ref::<&str>(), Some(&"no"));
    assert!((&x * 2.0).requires_grad(), "gradients are recorded as before");
}

#[test]
fn gradients_of_chosen_tensors_are_refused_instead_of_wrong() {
    let x = leaf(1, &[2, 16]);
    let output = Segment::new(()).forward(&[&x], true, |(), inputs| inputs[0].tanh()).sum(Kind::Float);
    let error = Tensor::f_run_backward(&[&output], &[&x], false, false).unwrap_err().to_string();
    assert!(error.contains("run a whole backward pass"), "{error}");
}
