//! Configurations are read as diffusers writes them, and networks have the sizes they say.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;

use engine::tch::{Device, Kind};
use model::config::{Activation, HeadCounts};
use model::{Loader, ModelConfig, Part, TextEncoder, UNet, UNetConfig, Vae, VaeConfig, count_parameters};
use serde_json::{Value, json};
use support::{Zeros, changed_tiny, golden, tiny_config};

fn loader(part: Part) -> Loader<'static> {
    Loader::new(&Zeros, part, Device::Cpu, Kind::Float)
}

#[test]
fn stable_diffusion_1_5_has_its_number_of_parameters() {
    let config = ModelConfig::sd15();
    let text = TextEncoder::load(&config.text, loader(Part::TextEncoder)).unwrap();
    let unet = UNet::load(&config.unet, loader(Part::Unet)).unwrap();
    let vae = Vae::load(&config.vae, loader(Part::Vae)).unwrap();
    assert_eq!(count_parameters(text.parameters()), 123_060_480);
    assert_eq!(count_parameters(unet.parameters()), 859_520_964);
    assert_eq!(count_parameters(vae.parameters()), 83_653_863);
    assert_eq!((text.parameters().len(), unet.parameters().len(), vae.parameters().len()), (196, 686, 248));
}

#[test]
fn the_miniature_has_its_own_numbers_of_tensors() {
    let config = ModelConfig::mini();
    config.check().unwrap();
    let text = TextEncoder::load(&config.text, loader(Part::TextEncoder)).unwrap();
    let unet = UNet::load(&config.unet, loader(Part::Unet)).unwrap();
    let vae = Vae::load(&config.vae, loader(Part::Vae)).unwrap();
    // Not SD 1.5's: a residual path has a convolution exactly where the number of channels changes, here in the last
    // down block of the UNet as well, and in one block of each half of the VAE instead of two.
    assert_eq!((text.parameters().len(), unet.parameters().len(), vae.parameters().len()), (68, 688, 244));
}

#[test]
fn every_tensor_of_a_diffusers_file_is_read_and_no_other() {
    let stored = |file: &str| {
        let file = support::Tensors::read(&golden(file));
        let mut names: Vec<String> = file.names().map(str::to_owned).collect();
        names.sort_unstable();
        names
    };
    let read = |parameters: &[(String, engine::tch::Tensor)]| {
        let mut names: Vec<String> = parameters.iter().map(|(name, _)| name.clone()).collect();
        names.sort_unstable();
        names
    };
    let text = support::tiny_text_encoder();
    assert_eq!(read(text.parameters()), stored("tiny/text_encoder/model.safetensors"));
    let unet = support::tiny_unet();
    assert_eq!(read(unet.parameters()), stored("tiny/unet/diffusion_pytorch_model.safetensors"));
    let vae = support::tiny_vae();
    assert_eq!(read(vae.parameters()), stored("tiny/vae/diffusion_pytorch_model.safetensors"));
}

#[test]
fn a_diffusers_folder_says_its_sizes() {
    let config = tiny_config();
    assert_eq!((config.text.hidden_size, config.text.hidden_act), (32, Activation::QuickGelu));
    assert_eq!(config.unet.block_out_channels, [8, 16, 24, 24]);
    assert_eq!(config.unet.attention_head_dim, HeadCounts::All(4));
    let VaeConfig::Kl(vae) = &config.vae else { panic!("{:?}", config.vae) };
    assert_eq!(vae.block_out_channels, [8, 12, 16, 16]);
    assert_eq!(config.vae.pixels_per_latent(), 8);
    assert_eq!(config.schedule.beta_schedule, "scaled_linear");
}

#[test]
fn a_folder_without_a_part_is_refused_by_file() {
    let folder = tempfile::tempdir().unwrap();
    let error = ModelConfig::from_folder(folder.path()).unwrap_err().to_string();
    assert!(error.contains("it has no unet/config.json"), "{error}");
    let folder = changed_tiny(&[]);
    fs::remove_file(folder.path().join("text_encoder/config.json")).unwrap();
    let error = ModelConfig::from_folder(folder.path()).unwrap_err().to_string();
    assert!(error.contains("text_encoder/config.json"), "{error}");
}

/// The tiny folder with one key of one file changed.
fn changed(file: &str, key: &str, value: &Value) -> Result<ModelConfig, String> {
    configuration(&[(file, key, value.clone())])
}

fn configuration(changes: &[(&str, &str, Value)]) -> Result<ModelConfig, String> {
    ModelConfig::from_folder(changed_tiny(changes).path()).map_err(|error| error.to_string())
}

#[test]
fn what_the_networks_cannot_compute_is_refused_with_its_key() {
    let unet = "unet/config.json";
    let refused = [
        ("text_encoder/config.json", "hidden_act", json!("swish")),
        ("text_encoder/config.json", "num_attention_heads", json!(5)),
        ("text_encoder/config.json", "vocab_size", json!(-1)),
        ("text_encoder/config.json", "layer_norm_eps", json!(-1.0)),
        (unet, "act_fn", json!("mish")),
        (unet, "addition_embed_type", json!("text_time")),
        (unet, "class_embed_type", json!("projection")),
        (unet, "transformer_layers_per_block", json!([1, 2, 10, 10])),
        (unet, "only_cross_attention", json!(true)),
        (unet, "down_block_types", json!(["AttnDownBlock2D", "DownBlock2D", "DownBlock2D", "DownBlock2D"])),
        (unet, "norm_num_groups", json!(3)),
        (unet, "attention_head_dim", json!(5)),
        (unet, "attention_head_dim", json!([1, 2])),
        (unet, "block_out_channels", json!([])),
        (unet, "layers_per_block", json!(1_000_000_000)),
        (unet, "norm_eps", json!(0)),
        (unet, "freq_shift", json!(4)),
        (unet, "freq_shift", json!(-1)),
        (unet, "in_channels", json!(9)),
        (unet, "cross_attention_dim", json!(768)),
        ("vae/config.json", "shift_factor", json!(0.1)),
        ("vae/config.json", "scaling_factor", json!(0)),
        ("vae/config.json", "use_quant_conv", json!(false)),
        ("scheduler/scheduler_config.json", "beta_schedule", json!("squaredcos_cap_v2")),
        ("scheduler/scheduler_config.json", "prediction_type", json!("sample")),
        ("scheduler/scheduler_config.json", "num_train_timesteps", json!(1)),
    ];
    for (file, key, value) in refused {
        let error = changed(file, key, &value).expect_err(key);
        // serde names the value of an unknown enum member, our own checks the key.
        assert!(error.contains(key) || error.contains(value.as_str().unwrap_or("?")), "{key}: {error}");
    }
}

#[test]
fn unknown_keys_and_stable_diffusion_2_s_choices_are_accepted() {
    changed("unet/config.json", "sample_size", &json!(96)).unwrap();
    changed("unet/config.json", "a_key_of_the_future", &json!({"a": 1})).unwrap();
    changed("unet/config.json", "use_linear_projection", &json!(true)).unwrap();
    changed("unet/config.json", "attention_head_dim", &json!([1, 2, 4, 8])).unwrap();
    changed("text_encoder/config.json", "hidden_act", &json!("gelu")).unwrap();
    changed("scheduler/scheduler_config.json", "prediction_type", &json!("v_prediction")).unwrap();
}

#[test]
fn a_vae_that_makes_other_latents_is_refused_before_pictures_have_the_wrong_size() {
    let (vae, down) = ("vae/config.json", json!(["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"]));
    let up = json!(["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"]);
    let changes =
        [(vae, "block_out_channels", json!([8, 12, 16])), (vae, "down_block_types", down), (vae, "up_block_types", up)];
    let sentence = configuration(&changes).unwrap_err();
    assert!(sentence.contains("the number of pixels that the VAE makes one latent is 4; only 8"), "{sentence}");
    let unet = "unet/config.json";
    let changes =
        [(vae, "latent_channels", json!(16)), (unet, "in_channels", json!(16)), (unet, "out_channels", json!(16))];
    let sentence = configuration(&changes).unwrap_err();
    assert!(sentence.contains("latent_channels is 16; only 4 is supported"), "{sentence}");
}

/// What `stabilityai/stable-diffusion-2-1` says of its text encoder and of the width of its UNet's context.
fn sd2() -> Vec<(&'static str, &'static str, Value)> {
    let text = "text_encoder/config.json";
    vec![
        (text, "hidden_size", json!(1024)),
        (text, "intermediate_size", json!(4096)),
        (text, "num_hidden_layers", json!(23)),
        (text, "num_attention_heads", json!(16)),
        (text, "hidden_act", json!("gelu")),
        ("unet/config.json", "cross_attention_dim", json!(1024)),
        ("unet/config.json", "use_linear_projection", json!(true)),
    ]
}

#[test]
fn a_folder_of_stable_diffusion_2_is_called_by_its_name() {
    let sentence = configuration(&sd2()).unwrap_err();
    assert!(sentence.contains("Stable Diffusion 2.x") && sentence.contains("text_encoder"), "{sentence}");
}

#[test]
fn a_model_of_ones_own_with_the_width_of_stable_diffusion_2_is_accepted() {
    let mut changes = sd2();
    changes.retain(|(_, key, _)| !["hidden_act", "num_hidden_layers"].contains(key));
    assert_eq!(configuration(&changes).unwrap().text.hidden_size, 1024);
}

#[test]
fn a_folder_of_stable_diffusion_xl_is_called_by_its_name() {
    let folder = changed_tiny(&[]);
    let index = folder.path().join("model_index.json");
    fs::write(&index, json!({"text_encoder_2": ["transformers", "CLIPTextModelWithProjection"]}).to_string()).unwrap();
    let refusal = || ModelConfig::from_folder(folder.path()).unwrap_err().to_string();
    assert!(refusal().contains("it is a Stable Diffusion XL model"), "{}", refusal());
    fs::remove_file(index).unwrap();
    ModelConfig::from_folder(folder.path()).unwrap();
    fs::create_dir(folder.path().join("text_encoder_2")).unwrap();
    assert!(refusal().contains("it is a Stable Diffusion XL model"), "{}", refusal());
}

#[test]
fn a_network_refuses_a_configuration_that_nobody_checked() {
    let config = UNetConfig { block_out_channels: Vec::new(), ..UNetConfig::sd15() };
    let error = UNet::load(&config, loader(Part::Unet)).unwrap_err();
    assert!(error.to_string().contains("block_out_channels"), "{error}");
}
