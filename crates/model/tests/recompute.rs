//! Networks whose layers are computed again in the backward pass are trained by the same gradients.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use engine::tch::{Kind, Tensor};
use model::{LoadOptions, LoraSettings};
use support::{Batch, assert_same_bits, tiny_text_encoder_with, tiny_unet_with, train};

/// Prediction, loss and every gradient of both networks.
fn step(options: &LoadOptions, compute: Kind) -> Vec<Tensor> {
    let (text, unet) = (tiny_text_encoder_with(options), tiny_unet_with(options));
    if options.adapter.is_none() {
        train(text.parameters());
        train(unet.parameters());
    }
    let (prediction, loss) = Batch::golden().predict(&text, &unet, compute);
    loss.backward();
    let trained = if options.adapter.is_none() {
        text.parameters().iter().chain(unet.parameters())
    } else {
        text.adapter().iter().chain(unet.adapter())
    };
    [prediction, loss].into_iter().chain(trained.map(|(_, tensor)| tensor.grad())).collect()
}

fn assert_equal_with_and_without(options: LoadOptions, compute: Kind) {
    let kept = step(&LoadOptions { recompute: false, ..options }, compute);
    let computed_again = step(&LoadOptions { recompute: true, ..options }, compute);
    assert_eq!(kept.len(), computed_again.len());
    assert!(kept.len() > 100);
    for (first, second) in kept.iter().zip(&computed_again) {
        assert_same_bits(first, second);
    }
}

#[test]
fn gradients_are_equal_to_the_last_bit_in_f32() {
    assert_equal_with_and_without(LoadOptions::all(Kind::Float), Kind::Float);
}

#[test]
fn gradients_are_equal_to_the_last_bit_in_bfloat16() {
    assert_equal_with_and_without(LoadOptions::all(Kind::Float), Kind::BFloat16);
}

#[test]
fn adapters_get_the_same_gradients_though_no_input_of_their_layers_wants_one() {
    let adapter = Some(LoraSettings { rank: 2, alpha: 1.0, seed: 7 });
    assert_equal_with_and_without(LoadOptions { adapter, ..LoadOptions::all(Kind::Float) }, Kind::Float);
}
