//! diffusers' tensor names and those of the original Stable Diffusion files: spec/dreambooth-training.md, appendix C.
//!
//! One direction serves both ways: a source asks which original tensor holds a diffusers name, and the export asks which
//! name a diffusers tensor gets. The rules are arithmetic on block numbers, so they hold for any number of resolutions and
//! layers.

use super::Part;
use crate::config::{ModelConfig, VaeConfig};

/// Prefix of the UNet's tensors in an original file.
pub(super) const UNET_PREFIX: &str = "model.diffusion_model.";
/// Prefix of the text encoder's.
pub(super) const TEXT_PREFIX: &str = "cond_stage_model.transformer.";
/// Prefix of the autoencoder's.
pub(super) const VAE_PREFIX: &str = "first_stage_model.";
/// The text encoder's list 0, 1, .. 76: not a weight, but older loaders insist on it.
pub(super) const POSITION_IDS: &str = "cond_stage_model.transformer.text_model.embeddings.position_ids";

/// Translates names for models of one shape.
#[derive(Debug, Clone)]
pub struct KeyMap {
    /// Resnets of a UNet down block; an up block has one more.
    unet_layers: usize,
    /// Whether each UNet up block, innermost first, has attention.
    up_attends: Vec<bool>,
    vae: VaeNames,
}

/// How an original file calls the autoencoder's tensors.
#[derive(Debug, Clone, Copy)]
enum VaeNames {
    /// As the original code does, of an autoencoder of so many resolutions.
    Original { levels: usize },
    /// As diffusers does: Stable Diffusion's original code has no tiny autoencoder.
    Diffusers,
}

impl KeyMap {
    /// The translation for a model of this configuration.
    #[must_use]
    pub fn new(config: &ModelConfig) -> Self {
        let levels = config.unet.block_out_channels.len();
        Self {
            unet_layers: usize::try_from(config.unet.layers_per_block).unwrap_or(0),
            up_attends: (0..levels).map(|block| config.unet.up_attends(block)).collect(),
            vae: match &config.vae {
                VaeConfig::Kl(vae) => VaeNames::Original { levels: vae.block_out_channels.len() },
                VaeConfig::Tiny(_) => VaeNames::Diffusers,
            },
        }
    }

    /// The name in an original file of the tensor that diffusers calls `name`, or nothing for a name that no part of
    /// this model has.
    #[must_use]
    pub fn original(&self, part: Part, name: &str) -> Option<String> {
        match part {
            Part::TextEncoder => Some(format!("{TEXT_PREFIX}{name}")),
            Part::Unet => Some(format!("{UNET_PREFIX}{}", self.unet(name)?)),
            Part::Vae => match self.vae {
                VaeNames::Original { levels } => Some(format!("{VAE_PREFIX}{}", vae(name, levels)?)),
                VaeNames::Diffusers => Some(format!("{VAE_PREFIX}{name}")),
            },
        }
    }

    fn unet(&self, name: &str) -> Option<String> {
        let stride = self.unet_layers + 1;
        let (place, rest) = match split::<4>(name) {
            ["time_embedding", layer, kind, ""] => {
                let number = if layer == "linear_1" { 0 } else { 2 };
                return Some(format!("time_embed.{number}.{kind}"));
            }
            ["conv_in", kind, "", ""] => return Some(format!("input_blocks.0.0.{kind}")),
            ["conv_norm_out", kind, "", ""] => return Some(format!("out.0.{kind}")),
            ["conv_out", kind, "", ""] => return Some(format!("out.2.{kind}")),
            ["mid_block", "resnets", layer, rest] => {
                return Some(format!("middle_block.{}.{}", 2 * number(layer)?, resnet(rest)));
            }
            ["mid_block", "attentions", "0", rest] => return Some(format!("middle_block.1.{rest}")),
            ["down_blocks", block, place, rest] => {
                let first = stride * number(block)? + 1;
                let (layer, rest) = rest.split_once('.')?;
                let layer = number(layer)?;
                match place {
                    "resnets" => (format!("input_blocks.{}.0", first + layer), resnet(rest)),
                    "attentions" => (format!("input_blocks.{}.1", first + layer), rest.to_owned()),
                    "downsamplers" => {
                        let kind = rest.strip_prefix("conv.")?;
                        (format!("input_blocks.{}.0", first + self.unet_layers), format!("op.{kind}"))
                    }
                    _ => return None,
                }
            }
            ["up_blocks", block, place, rest] => {
                let block = number(block)?;
                let first = stride * block;
                let (layer, rest) = rest.split_once('.')?;
                let layer = number(layer)?;
                match place {
                    "resnets" => (format!("output_blocks.{}.0", first + layer), resnet(rest)),
                    "attentions" => (format!("output_blocks.{}.1", first + layer), rest.to_owned()),
                    // The upsampler stands behind the last layer's resnet and, where there is one, its attention.
                    "upsamplers" => {
                        let slot = if *self.up_attends.get(block)? { 2 } else { 1 };
                        (format!("output_blocks.{}.{slot}", first + self.unet_layers), rest.to_owned())
                    }
                    _ => return None,
                }
            }
            _ => return None,
        };
        Some(format!("{place}.{rest}"))
    }
}

/// A tensor of an `AutoencoderKL` of so many resolutions.
fn vae(name: &str, levels: usize) -> Option<String> {
    let (side, rest) = name.split_once('.')?;
    if matches!(side, "quant_conv" | "post_quant_conv") {
        return Some(name.to_owned());
    }
    let place = match split::<5>(rest) {
        ["conv_in" | "conv_out", ..] => rest.to_owned(),
        ["conv_norm_out", kind, ..] => format!("norm_out.{kind}"),
        ["mid_block", "resnets", layer, part, kind] => {
            format!("mid.block_{}.{}.{kind}", number(layer)? + 1, shortcut(part))
        }
        ["mid_block", "attentions", "0", part, kind] => format!("mid.attn_1.{}", vae_attention(part, kind)?),
        ["down_blocks", block, "resnets", layer, rest] => {
            format!("down.{}.block.{}.{}", number(block)?, number(layer)?, shortcut(rest))
        }
        ["down_blocks", block, "downsamplers", "0", rest] => format!("down.{}.downsample.{rest}", number(block)?),
        ["up_blocks", block, place, layer, rest] => {
            // The original counts the decoder's levels from the finest.
            let level = (levels.checked_sub(1)?).checked_sub(number(block)?)?;
            match place {
                "resnets" => format!("up.{level}.block.{}.{}", number(layer)?, shortcut(rest)),
                "upsamplers" => format!("up.{level}.upsample.{rest}"),
                _ => return None,
            }
        }
        _ => return None,
    };
    Some(format!("{side}.{place}"))
}

/// The first `N - 1` segments of a dotted name and the rest; missing segments are empty.
fn split<const N: usize>(name: &str) -> [&str; N] {
    let mut segments = [""; N];
    for (slot, segment) in segments.iter_mut().zip(name.splitn(N, '.')) {
        *slot = segment;
    }
    segments
}

fn number(segment: &str) -> Option<usize> {
    // Far above any network's block count, and far from overflow.
    segment.parse().ok().filter(|number| *number < 1000)
}

/// A tensor inside a UNet resnet.
fn resnet(name: &str) -> String {
    let (layer, kind) = name.split_once('.').unwrap_or((name, ""));
    let layer = match layer {
        "norm1" => "in_layers.0",
        "conv1" => "in_layers.2",
        "time_emb_proj" => "emb_layers.1",
        "norm2" => "out_layers.0",
        "conv2" => "out_layers.3",
        "conv_shortcut" => "skip_connection",
        other => other,
    };
    format!("{layer}.{kind}")
}

/// A tensor inside an autoencoder's resnet.
fn shortcut(name: &str) -> String {
    name.replace("conv_shortcut", "nin_shortcut")
}

/// A tensor inside the autoencoder's attention, in today's or in the old diffusers naming.
fn vae_attention(part: &str, kind: &str) -> Option<String> {
    let kind = kind.strip_prefix("0.").unwrap_or(kind);
    let part = match part {
        "group_norm" => "norm",
        "to_q" | "query" => "q",
        "to_k" | "key" => "k",
        "to_v" | "value" => "v",
        "to_out" | "proj_attn" => "proj_out",
        _ => return None,
    };
    Some(format!("{part}.{kind}"))
}

/// Prefix of the averaged weights that the original training keeps of all below [`MODEL_PREFIX`].
pub(super) const EMA_PREFIX: &str = "model_ema.";
/// What is averaged: the UNet, in its wrapper.
const MODEL_PREFIX: &str = "model.";

/// The name of a weight's average. The original's own class for it (`LitEma`) keeps it as a buffer, whose name may have
/// no dots, so it leaves them out. Nothing for a tensor of which no average is kept.
pub(super) fn averaged(original: &str) -> Option<String> {
    let name = original.strip_prefix(MODEL_PREFIX)?;
    Some(format!("{EMA_PREFIX}{}", name.replace('.', "")))
}

/// The name that diffusers before 0.17 gave a tensor of the autoencoder's attention.
pub(super) fn old_vae_attention(name: &str) -> Option<String> {
    let (place, rest) = name.split_once("mid_block.attentions.0.")?;
    let (part, kind) = rest.rsplit_once('.')?;
    let part = match part {
        "to_q" => "query",
        "to_k" => "key",
        "to_v" => "value",
        "to_out.0" => "proj_attn",
        _ => return None,
    };
    Some(format!("{place}mid_block.attentions.0.{part}.{kind}"))
}

/// Whether this is a weight of the autoencoder's attention, which original files store as a 1x1 convolution.
pub(super) fn is_vae_attention_weight(part: Part, name: &str) -> bool {
    part == Part::Vae && name.contains("mid_block.attentions.0.to_") && name.ends_with(".weight")
}
