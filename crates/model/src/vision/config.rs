//! Sizes of CLIP and of vision transformers, by the keys of their `config.json`. Absent ones have transformers' defaults.

use serde::Deserialize;
use serde_json::Value;

use crate::config::{Activation, TextConfig, check_count, check_eps, check_is, check_size};
use crate::layers::EncoderLayerConfig;

/// A network that sees pictures as rows of patches.
#[derive(Debug, Clone, PartialEq)]
pub struct VisionConfig {
    /// Of each layer.
    pub layer: EncoderLayerConfig,
    /// Layers.
    pub num_hidden_layers: i64,
    /// Side of the picture in pixels.
    pub image_size: i64,
    /// Side of a patch in pixels.
    pub patch_size: i64,
}

/// CLIP: how it sees pictures and, if its folder holds both towers, how it reads.
#[derive(Debug, Clone, PartialEq)]
pub struct ClipConfig {
    /// The vision tower.
    pub vision: VisionConfig,
    /// The text tower.
    pub text: Option<ClipTextConfig>,
    /// Length of the vectors that both make.
    pub projection_dim: i64,
}

/// CLIP's text tower.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ClipTextConfig {
    /// Its sizes.
    #[serde(flatten)]
    pub sizes: TextConfig,
    /// The token at which a prompt's vector is taken. 2, which older files have, stands for the largest one.
    #[serde(default = "eos")]
    pub eos_token_id: i64,
}

fn eos() -> i64 {
    crate::tokenizer::EOS
}

/// As the file has them.
#[derive(Debug, Deserialize)]
#[serde(default)]
struct Keys {
    hidden_size: i64,
    intermediate_size: i64,
    num_hidden_layers: i64,
    num_attention_heads: i64,
    num_channels: i64,
    image_size: i64,
    patch_size: i64,
    layer_norm_eps: Option<f64>,
    hidden_act: Option<Activation>,
    qkv_bias: bool,
}

impl Default for Keys {
    /// What CLIP and ViT have in common.
    fn default() -> Self {
        Self {
            hidden_size: 768,
            intermediate_size: 3072,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            num_channels: 3,
            image_size: 224,
            patch_size: 0,
            layer_norm_eps: None,
            hidden_act: None,
            qkv_bias: true,
        }
    }
}

/// What CLIP and ViT have not in common.
struct Usual {
    patch_size: i64,
    layer_norm_eps: f64,
    hidden_act: Activation,
}

const CLIP: Usual = Usual { patch_size: 32, layer_norm_eps: 1e-5, hidden_act: Activation::QuickGelu };
const VIT: Usual = Usual { patch_size: 16, layer_norm_eps: 1e-12, hidden_act: Activation::Gelu };

impl ClipConfig {
    /// Of transformers' `CLIPModel` or `CLIPVisionModelWithProjection`.
    ///
    /// # Errors
    /// A sentence that names the key, its value and what is supported.
    pub fn of(file: &Value) -> Result<Self, String> {
        let config = match model_type(file) {
            "clip" => Self {
                vision: VisionConfig::of(&part(file, "vision"), &CLIP)?,
                text: Some(parse(&part(file, "text"))?),
                projection_dim: projection_dim(file)?,
            },
            "clip_vision_model" => {
                Self { vision: VisionConfig::of(file, &CLIP)?, text: None, projection_dim: projection_dim(file)? }
            }
            other => {
                return Err(format!(
                    "model_type is {other:?}; only clip and clip_vision_model are supported: give the folder of a \
                     CLIPModel, such as openai/clip-vit-base-patch32"
                ));
            }
        };
        check_size("projection_dim", config.projection_dim)?;
        config.text.as_ref().map_or(Ok(()), |text| text.sizes.check_sizes())?;
        Ok(config)
    }
}

impl VisionConfig {
    /// Of transformers' `ViTModel`.
    ///
    /// # Errors
    /// As [`ClipConfig::of`].
    pub fn vit(file: &Value) -> Result<Self, String> {
        match model_type(file) {
            "vit" => Self::of(file, &VIT),
            other => Err(format!(
                "model_type is {other:?}; only vit is supported: give the folder of a ViTModel, such as facebook/dino-vits16"
            )),
        }
    }

    fn of(file: &Value, usual: &Usual) -> Result<Self, String> {
        let keys: Keys = parse(file)?;
        let config = Self {
            layer: EncoderLayerConfig {
                hidden_size: keys.hidden_size,
                intermediate_size: keys.intermediate_size,
                num_attention_heads: keys.num_attention_heads,
                layer_norm_eps: keys.layer_norm_eps.unwrap_or(usual.layer_norm_eps),
                hidden_act: keys.hidden_act.unwrap_or(usual.hidden_act),
            },
            num_hidden_layers: keys.num_hidden_layers,
            image_size: keys.image_size,
            patch_size: if keys.patch_size == 0 { usual.patch_size } else { keys.patch_size },
        };
        check_is("num_channels", &keys.num_channels, &3)?;
        check_is("qkv_bias", &keys.qkv_bias, &true)?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        let EncoderLayerConfig { hidden_size, intermediate_size, num_attention_heads, layer_norm_eps, .. } = self.layer;
        check_size("hidden_size", hidden_size)?;
        check_size("intermediate_size", intermediate_size)?;
        check_count("num_hidden_layers", self.num_hidden_layers)?;
        check_count("num_attention_heads", num_attention_heads)?;
        check_eps("layer_norm_eps", layer_norm_eps)?;
        if hidden_size % num_attention_heads != 0 {
            return Err(format!(
                "hidden_size {hidden_size} is not a multiple of num_attention_heads {num_attention_heads}"
            ));
        }
        check_size("image_size", self.image_size)?;
        check_size("patch_size", self.patch_size)?;
        if self.image_size < self.patch_size {
            return Err(format!("image_size {} is less than patch_size {}", self.image_size, self.patch_size));
        }
        Ok(())
    }

    /// Vectors of a picture: one for each patch, and one for the whole.
    pub(super) fn positions(&self) -> i64 {
        (self.image_size / self.patch_size).pow(2) + 1
    }
}

fn model_type(file: &Value) -> &str {
    file.get("model_type").and_then(Value::as_str).unwrap_or_default()
}

fn projection_dim(file: &Value) -> Result<i64, String> {
    match file.get("projection_dim") {
        None | Some(Value::Null) => Ok(512),
        Some(number) => number.as_i64().ok_or_else(|| format!("projection_dim is {number}; it must be a whole number")),
    }
}

/// A tower's part of the file. Files of 2021 say in `…_config_dict` what `…_config` leaves out.
fn part(file: &Value, tower: &str) -> Value {
    let object = |key: String| file.get(key).and_then(Value::as_object).cloned().unwrap_or_default();
    let mut keys = object(format!("{tower}_config"));
    keys.extend(object(format!("{tower}_config_dict")));
    Value::Object(keys)
}

fn parse<T: for<'de> Deserialize<'de>>(file: &Value) -> Result<T, String> {
    T::deserialize(file).map_err(|error| error.to_string())
}
