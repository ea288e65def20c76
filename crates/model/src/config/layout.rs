//! What a folder is, by the names in it, when it is not the diffusers folder of a Stable Diffusion 1.x model.

use std::fs;
use std::io::Read;
use std::path::Path;

use serde_json::Value;

use super::MAX_CONFIG_BYTES;
use crate::error::{ModelError, Result};

const ONLY_1: &str = "only Stable Diffusion 1.x is supported";

/// Refuses a folder that is something else by a sentence that says what.
pub(super) fn require_sd1(folder: &Path) -> Result<()> {
    match other_kind(folder) {
        Some(reason) => Err(ModelError::Format { path: folder.to_owned(), reason }),
        None => Ok(()),
    }
}

fn other_kind(folder: &Path) -> Option<String> {
    let index = read_json(&folder.join("model_index.json"));
    let has = |part: &str| folder.join(part).exists() || !matches!(index.get(part), None | Some(Value::Null));
    let listed = |part: &str| folder.join(part).exists() || index.get(part).is_some();
    // A diffusion transformer stands where the others have their UNet.
    if has("transformer") {
        let class = class_of(&index).unwrap_or("Stable Diffusion 3 or Flux");
        return Some(format!("it is a diffusion transformer ({class}); {ONLY_1}"));
    }
    if listed("text_encoder_2") {
        // The refiner lists the first encoder and its tokenizer as null.
        let is_refiner = index.get("text_encoder").is_some_and(|part| *part == serde_json::json!([null, null]));
        return Some(match is_refiner {
            true => format!("it is a Stable Diffusion XL refiner; {ONLY_1}"),
            false => format!("it is a Stable Diffusion XL model; {ONLY_1}"),
        });
    }
    if folder.join("unet/config.json").exists() {
        return None;
    }
    Some(match alone(folder) {
        Some(part) => format!("it is {part}; give the folder of a whole model"),
        None => {
            "it is not a model in the diffusers layout (it has no unet/config.json); give a folder that has one, or a \
                 single .safetensors or .ckpt file"
                .to_owned()
        }
    })
}

/// Part of a model, or an addition to one, in a folder of its own.
fn alone(folder: &Path) -> Option<&'static str> {
    let is_there = |name: &str| folder.join(name).exists();
    if is_there("pytorch_lora_weights.safetensors") || is_there("adapter_config.json") {
        return Some("a LoRA, not a whole model");
    }
    if is_there("learned_embeds.safetensors") || is_there("learned_embeds.bin") {
        return Some("an embedding (textual inversion), not a model");
    }
    let config = read_json(&folder.join("config.json"));
    match class_of(&config)? {
        "AutoencoderKL" | "AutoencoderTiny" => Some("a VAE alone"),
        "UNet2DConditionModel" => Some("a UNet alone"),
        "ControlNetModel" => Some("a ControlNet, not a whole model"),
        _ => None,
    }
}

fn class_of(config: &Value) -> Option<&str> {
    config.get("_class_name")?.as_str()
}

/// What cannot be read says nothing here; whoever needs the file will say why.
fn read_json(path: &Path) -> Value {
    let mut text = Vec::new();
    match fs::File::open(path).map(|file| file.take(MAX_CONFIG_BYTES).read_to_end(&mut text)) {
        Ok(Ok(_)) => serde_json::from_slice(&text).unwrap_or_default(),
        _ => Value::Null,
    }
}
