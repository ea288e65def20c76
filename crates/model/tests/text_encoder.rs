//! The text encoder computes what transformers' `CLIPTextModel` computes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use engine::tch::{Kind, Tensor};
use support::{OUTPUT_TOLERANCE, Tensors, assert_close, assert_same_bits, golden, tiny_text_encoder};

#[test]
fn contexts_are_those_of_transformers() {
    let encoder = tiny_text_encoder();
    let goldens = Tensors::read(&golden("text.safetensors"));
    for case in goldens.cases() {
        let ids = goldens.get(&format!("{case}.ids"));
        let context = encoder.forward(&ids, Kind::Float);
        assert_close(case, &context, &goldens.get(&format!("{case}.last_hidden_state")), OUTPUT_TOLERANCE);
        let skipped = encoder.forward_embedded(&encoder.embed_tokens(&ids), 2, Kind::Float);
        assert_close(case, &skipped, &goldens.get(&format!("{case}.clip_skip_2")), OUTPUT_TOLERANCE);
    }
}

#[test]
fn a_token_sees_only_those_before_it() {
    let encoder = tiny_text_encoder();
    let context = |ids: &[i64]| encoder.forward(&Tensor::from_slice(ids).unsqueeze(0), Kind::Float);
    let (first, second) = (context(&[398, 5, 6, 7]), context(&[398, 5, 6, 300]));
    assert_close("the past", &first.narrow(1, 0, 3), &second.narrow(1, 0, 3), 1e-6);
    assert!(support::difference(&first.narrow(1, 3, 1), &second.narrow(1, 3, 1)) > 0.01);
}

#[test]
fn skipping_more_layers_than_there_are_leaves_the_embeddings() {
    let encoder = tiny_text_encoder();
    let tokens = encoder.embed_tokens(&Tensor::from_slice(&[398_i64, 5, 399]).unsqueeze(0));
    let skipped = |clip_skip| encoder.forward_embedded(&tokens, clip_skip, Kind::Float);
    assert_same_bits(&skipped(0), &skipped(1));
    assert_same_bits(&skipped(3), &skipped(100));
}

#[test]
fn two_forward_passes_are_equal_to_the_last_bit() {
    let encoder = tiny_text_encoder();
    let ids = Tensors::read(&golden("text.safetensors")).get("full.ids");
    assert_same_bits(&encoder.forward(&ids, Kind::Float), &encoder.forward(&ids, Kind::Float));
}

#[test]
fn bfloat16_comes_near() {
    let encoder = tiny_text_encoder();
    let ids = Tensors::read(&golden("text.safetensors")).get("full.ids");
    let context = encoder.forward(&ids, Kind::BFloat16);
    assert_eq!(context.kind(), Kind::BFloat16);
    assert_close("bf16", &context, &encoder.forward(&ids, Kind::Float), 0.1);
}
