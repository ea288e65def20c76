//! The `config.json` files of a diffusers folder: what [`ModelConfig`] says, and the keys around it that diffusers and
//! transformers want, with the values of Stable Diffusion 1.5.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::config::{ModelConfig, VaeConfig};

/// The version of diffusers whose form of configuration this is.
const DIFFUSERS: &str = "0.36.0";

/// `model_index.json`: which class reads which folder. No safety checker was trained, so none is named.
pub(super) fn index(config: &ModelConfig) -> Value {
    json!({
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": DIFFUSERS,
        "feature_extractor": [null, null],
        "image_encoder": [null, null],
        "requires_safety_checker": false,
        "safety_checker": [null, null],
        "scheduler": ["diffusers", "PNDMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", config.vae.class().as_str()],
    })
}

/// `unet/config.json`; `side` is of pictures, in pixels.
pub(super) fn unet(config: &ModelConfig, side: i64) -> serde_json::Result<Value> {
    let around = json!({
        "_class_name": "UNet2DConditionModel",
        "_diffusers_version": DIFFUSERS,
        "sample_size": side / config.vae.pixels_per_latent(),
    });
    joined(&config.unet, around)
}

/// `vae/config.json`, which names its class itself
pub(super) fn vae(config: &ModelConfig, side: i64) -> serde_json::Result<Value> {
    let around = match &config.vae {
        VaeConfig::Kl(vae) => json!({
            "_diffusers_version": DIFFUSERS,
            "sample_size": side,
            // diffusers' defaults have one level only.
            "down_block_types": vec!["DownEncoderBlock2D"; vae.block_out_channels.len()],
            "up_block_types": vec!["UpDecoderBlock2D"; vae.block_out_channels.len()],
        }),
        VaeConfig::Tiny(_) => json!({ "_diffusers_version": DIFFUSERS }),
    };
    joined(&config.vae, around)
}

/// `text_encoder/config.json`
pub(super) fn text_encoder(config: &ModelConfig) -> serde_json::Result<Value> {
    let around = json!({
        "architectures": ["CLIPTextModel"],
        "model_type": "clip_text_model",
        "projection_dim": config.text.hidden_size,
        "torch_dtype": "float16",
        // Stable Diffusion 1.5's, which are not its tokenizer's: transformers looks for the last token another way then.
        "bos_token_id": 0,
        "eos_token_id": 2,
        "pad_token_id": 1,
    });
    joined(&config.text, around)
}

/// `scheduler/scheduler_config.json`
pub(super) fn scheduler(config: &ModelConfig) -> serde_json::Result<Value> {
    let around = json!({
        "_class_name": "PNDMScheduler",
        "_diffusers_version": DIFFUSERS,
        "clip_sample": false,
        "set_alpha_to_one": false,
        "skip_prk_steps": true,
        "steps_offset": 1,
        "timestep_spacing": "leading",
    });
    let mut scheduler = joined(&config.schedule, around)?;
    if let Value::Object(keys) = &mut scheduler {
        // It is not stretched in any model that opens here, and PNDM has no such key.
        keys.remove("rescale_betas_zero_snr");
    }
    Ok(scheduler)
}

/// The keys of `config`, and those of `around` over them.
fn joined(config: &impl Serialize, around: Value) -> serde_json::Result<Value> {
    let mut keys = Map::new();
    for part in [serde_json::to_value(config)?, around] {
        if let Value::Object(part) = part {
            keys.extend(part);
        }
    }
    Ok(Value::Object(keys))
}
