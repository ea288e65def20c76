//! The UNet computes what diffusers' `UNet2DConditionModel` computes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use engine::tch::{Kind, Tensor};
use model::UNet;
use support::{OUTPUT_TOLERANCE, Tensors, assert_close, assert_same_bits, golden, tiny_unet, tiny_unet_b};

fn assert_reproduces(unet: &UNet, file: &str) {
    let goldens = Tensors::read(&golden(file));
    let cases = goldens.cases();
    assert!(cases.len() >= 5);
    for case in cases {
        let input = |name: &str| goldens.get(&format!("{case}.{name}"));
        let output = unet.forward(&input("latents"), &input("timesteps"), &input("context"));
        assert_close(case, &output, &input("output"), OUTPUT_TOLERANCE);
    }
}

#[test]
fn predictions_are_those_of_diffusers() {
    assert_reproduces(&tiny_unet(), "unet.safetensors");
}

#[test]
fn another_shape_of_unet_is_computed_as_its_configuration_says() {
    assert_reproduces(&tiny_unet_b(), "unet_b.safetensors");
}

#[test]
fn any_size_of_latents_comes_back_in_its_size() {
    let unet = tiny_unet();
    let context = Tensor::zeros([1, 3, 32], support::F32_CPU);
    for (height, width) in [(1, 1), (7, 9), (8, 8), (10, 15), (17, 33)] {
        let latents = Tensor::ones([1, 4, height, width], support::F32_CPU);
        let output = unet.forward(&latents, &Tensor::from_slice(&[10.0_f32]), &context);
        assert_eq!(output.size(), [1, 4, height, width]);
        assert!(bool::try_from(output.isfinite().all()).unwrap());
    }
}

#[test]
fn integer_timesteps_are_those_of_the_same_value() {
    let goldens = Tensors::read(&golden("unet.safetensors"));
    let input = |name: &str| goldens.get(&format!("square_per_item.{name}"));
    let unet = tiny_unet();
    let whole = unet.forward(&input("latents"), &input("timesteps").to_kind(Kind::Int64), &input("context"));
    assert_same_bits(&whole, &unet.forward(&input("latents"), &input("timesteps"), &input("context")));
}

#[test]
fn two_forward_passes_are_equal_to_the_last_bit() {
    let goldens = Tensors::read(&golden("unet.safetensors"));
    let input = |name: &str| goldens.get(&format!("square_per_item.{name}"));
    let unet = tiny_unet();
    let run = || unet.forward(&input("latents"), &input("timesteps"), &input("context"));
    assert_same_bits(&run(), &run());
}

#[test]
fn bfloat16_latents_are_computed_in_bfloat16_and_come_near() {
    let goldens = Tensors::read(&golden("unet.safetensors"));
    let input = |name: &str| goldens.get(&format!("square_per_item.{name}"));
    let latents = input("latents").to_kind(Kind::BFloat16);
    let output = tiny_unet().forward(&latents, &input("timesteps"), &input("context"));
    assert_eq!(output.kind(), Kind::BFloat16);
    assert_close("bf16", &output, &input("output"), 0.1);
}
