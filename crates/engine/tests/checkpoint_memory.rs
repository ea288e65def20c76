//! Computing again saves memory. Alone in its process, whose memory it measures.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use engine::Segment;
use engine::memory::{peak_rss_bytes, release_unused, reset_peak};
use engine::tch::{Device, Kind, Tensor};

const MEBIBYTE: u64 = 1 << 20;
/// One activation in MiB: above 32, from where glibc gives each block back as soon as it is free.
const ACTIVATION: u64 = 36;
const LAYERS: u64 = 6;
const KEPT_IN_A_LAYER: u64 = 4;

/// The peak of a chain of layers above what the process had before, in activations.
fn peak_of_a_chain(recompute: bool) -> u64 {
    release_unused(Device::Cpu);
    reset_peak(Device::Cpu);
    let before = peak_rss_bytes();
    let length = (ACTIVATION * MEBIBYTE / 4) as i64;
    let x = Tensor::ones([length], (Kind::Float, Device::Cpu)).set_requires_grad(true);
    let segment = Segment::new(());
    let mut h = x.shallow_clone();
    for _ in 0..LAYERS {
        h = segment.forward(&[&h], recompute, |(), inputs| inputs[0].sin().cos().sin().cos());
    }
    h.sum(Kind::Float).backward();
    (peak_rss_bytes() - before) / (ACTIVATION * MEBIBYTE)
}

#[test]
fn a_chain_needs_less_memory_when_its_layers_are_computed_again() {
    let (kept, computed_again) = (peak_of_a_chain(false), peak_of_a_chain(true));
    assert!(kept >= LAYERS * KEPT_IN_A_LAYER, "{kept} activations");
    // Inputs and last output of the layers, and what one layer keeps, with two gradients on their way and one in the leaf.
    assert!(computed_again <= LAYERS + 1 + KEPT_IN_A_LAYER + 3, "{computed_again} activations");
}
