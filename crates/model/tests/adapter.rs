//! Adapters: which layers have them, under which names, and what they add.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::HashSet;

use engine::no_grad;
use engine::tch::{Device, Kind, Tensor};
use model::{LoadOptions, Loader, LoraSettings, ModelConfig, Part, TextEncoder, UNet};
use support::{
    Batch, Zeros, assert_close, assert_same_bits, tiny_text_encoder, tiny_text_encoder_with, tiny_unet, tiny_unet_with,
};

fn with_adapter(rank: i64, alpha: f64, seed: u64) -> LoadOptions {
    LoadOptions { adapter: Some(LoraSettings { rank, alpha, seed }), ..LoadOptions::all(Kind::Float) }
}

/// The adapters of Stable Diffusion 1.5, whose weights are not there.
fn sd15(rank: i64) -> (UNet, TextEncoder) {
    let (config, options) = (ModelConfig::sd15(), with_adapter(rank, 1.0, 0));
    let loader = |part| Loader::with_options(&Zeros, part, Device::Cpu, &options);
    let unet = UNet::load(&config.unet, loader(Part::Unet)).unwrap();
    (unet, TextEncoder::load(&config.text, loader(Part::TextEncoder)).unwrap())
}

fn shape(adapter: &[(String, Tensor)], name: &str) -> Vec<i64> {
    adapter.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("no {name}")).1.size()
}

#[test]
fn stable_diffusion_has_the_modules_of_kohyas_scripts() {
    let (unet, text) = sd15(4);
    for (adapter, modules) in [(unet.adapter(), 192), (text.adapter(), 72)] {
        let names: HashSet<&str> = adapter.iter().map(|(name, _)| name.split_once('.').unwrap().0).collect();
        assert_eq!((names.len(), adapter.len()), (modules, 2 * modules));
    }
    let attention = "lora_unet_down_blocks_1_attentions_0";
    for (name, expected) in [
        ("proj_in.lora_down", vec![4, 640, 1, 1]),
        ("proj_in.lora_up", vec![640, 4, 1, 1]),
        ("proj_out.lora_down", vec![4, 640, 1, 1]),
        ("transformer_blocks_0_attn1_to_q.lora_down", vec![4, 640]),
        ("transformer_blocks_0_attn2_to_k.lora_down", vec![4, 768]),
        ("transformer_blocks_0_attn2_to_k.lora_up", vec![640, 4]),
        ("transformer_blocks_0_attn2_to_out_0.lora_up", vec![640, 4]),
        ("transformer_blocks_0_ff_net_0_proj.lora_up", vec![5120, 4]),
        ("transformer_blocks_0_ff_net_2.lora_down", vec![4, 2560]),
    ] {
        assert_eq!(shape(unet.adapter(), &format!("{attention}_{name}.weight")), expected, "{name}");
    }
    let layer = "lora_te_text_model_encoder_layers_11";
    for (name, expected) in [
        ("self_attn_q_proj.lora_down", [4, 768]),
        ("self_attn_out_proj.lora_up", [768, 4]),
        ("mlp_fc1.lora_up", [3072, 4]),
        ("mlp_fc2.lora_down", [4, 3072]),
    ] {
        assert_eq!(shape(text.adapter(), &format!("{layer}_{name}.weight")), expected, "{name}");
    }
}

#[test]
fn at_first_an_adapter_adds_nothing() {
    let options = with_adapter(4, 4.0, 0);
    let batch = Batch::golden();
    let (plain, _) = batch.predict(&tiny_text_encoder(), &tiny_unet(), Kind::Float);
    let (adapted, _) = batch.predict(&tiny_text_encoder_with(&options), &tiny_unet_with(&options), Kind::Float);
    assert_same_bits(&plain, &adapted);
}

#[test]
fn only_the_adapter_is_trained() {
    let options = with_adapter(2, 1.0, 0);
    let (text, unet) = (tiny_text_encoder_with(&options), tiny_unet_with(&options));
    Batch::golden().predict(&text, &unet, Kind::BFloat16).1.backward();
    for (name, tensor) in text.parameters().iter().chain(unet.parameters()) {
        assert!(!tensor.requires_grad() && !tensor.grad().defined(), "{name}");
    }
    for (name, tensor) in text.adapter().iter().chain(unet.adapter()) {
        let gradient = tensor.grad();
        assert_eq!((gradient.kind(), gradient.size()), (Kind::Float, tensor.size()), "{name}");
        // What leads to zeros sees no gradient yet.
        assert_eq!(bool::try_from(gradient.any()).unwrap(), name.ends_with("lora_up.weight"), "{name}");
    }
}

#[test]
fn an_adapter_adds_its_product_to_the_weight() {
    let options = with_adapter(3, 6.0, 0);
    let (unet, merged) = (tiny_unet_with(&options), tiny_unet());
    no_grad(|| {
        for pair in unet.adapter().chunks(2) {
            let [(name, down), (_, up)] = pair else { panic!("an adapter has two tensors") };
            let numbers = Tensor::arange(up.numel() as i64, support::F32_CPU).cos() * 0.02;
            up.shallow_clone().copy_(&numbers.view_as(up));
            let module = name.strip_prefix("lora_unet_").unwrap().strip_suffix(".lora_down.weight").unwrap();
            let weight = merged
                .parameters()
                .iter()
                .find(|(known, _)| known.strip_suffix(".weight").is_some_and(|path| path.replace('.', "_") == module));
            let mut weight = weight.unwrap_or_else(|| panic!("{module} adapts nothing")).1.shallow_clone();
            let product = up.flatten(1, -1).matmul(&down.flatten(1, -1)) * 2.0;
            let _ = weight.g_add_(&product.view_as(&weight));
        }
    });
    let (text, batch) = (tiny_text_encoder(), Batch::golden());
    let (adapted, _) = batch.predict(&text, &unet, Kind::Float);
    let (expected, _) = batch.predict(&text, &merged, Kind::Float);
    let (plain, _) = batch.predict(&text, &tiny_unet(), Kind::Float);
    assert_close("the adapted prediction", &adapted, &expected.detach(), support::OUTPUT_TOLERANCE);
    assert!(support::difference(&adapted, &plain.detach()) > 0.01);
}

#[test]
fn the_first_matrix_follows_from_seed_and_name_and_is_as_wide_as_pytorchs() {
    let down = |seed| {
        let unet = tiny_unet_with(&with_adapter(8, 1.0, seed));
        unet.adapter().iter().step_by(2).map(|(_, tensor)| tensor.detach()).collect::<Vec<_>>()
    };
    let (first, again, other) = (down(1), down(1), down(2));
    for ((first, again), other) in first.iter().zip(&again).zip(&other) {
        assert_same_bits(first, again);
        assert!(!first.equal(other));
        // kaiming_uniform with a = √5.
        let bound = 1.0 / (first.size()[1] as f64).sqrt();
        let largest = first.abs().max().double_value(&[]);
        assert!(largest <= bound && largest > 0.9 * bound);
    }
}

#[test]
fn a_rank_below_one_is_refused() {
    let options = with_adapter(0, 1.0, 0);
    let loader = Loader::with_options(&Zeros, Part::Unet, Device::Cpu, &options);
    let error = UNet::load(&ModelConfig::mini().unet, loader).unwrap_err();
    assert_eq!(error.to_string(), "the rank of a LoRA adapter is 0; give at least 1");
}
