//! What both halves are made of.

use engine::tch::Tensor;

use crate::config::AutoencoderKlConfig;
use crate::error::Result;
use crate::layers::{Conv2d, GroupNorm, Linear, Loader, attention};

/// Added to the variance in every group norm of the VAE; not configurable in diffusers.
pub(super) const NORM_EPS: f64 = 1e-6;

/// `ResnetBlock2D` without a time embedding.
#[derive(Debug)]
pub(super) struct Resnet {
    norm1: GroupNorm,
    conv1: Conv2d,
    norm2: GroupNorm,
    conv2: Conv2d,
    /// A 1×1 convolution on the residual path where the number of channels changes.
    conv_shortcut: Option<Conv2d>,
}

impl Resnet {
    pub(super) fn load(config: &AutoencoderKlConfig, loader: &Loader<'_>, inputs: i64, outputs: i64) -> Result<Self> {
        let groups = config.norm_num_groups;
        Ok(Self {
            norm1: GroupNorm::load(&loader.at("norm1"), inputs, groups, NORM_EPS)?,
            conv1: Conv2d::load_3x3(&loader.at("conv1"), inputs, outputs)?,
            norm2: GroupNorm::load(&loader.at("norm2"), outputs, groups, NORM_EPS)?,
            conv2: Conv2d::load_3x3(&loader.at("conv2"), outputs, outputs)?,
            conv_shortcut: if inputs == outputs {
                None
            } else {
                Some(Conv2d::load_1x1(&loader.at("conv_shortcut"), inputs, outputs)?)
            },
        })
    }

    /// `[batch, inputs, h, w]` to `[batch, outputs, h, w]`.
    pub(super) fn forward(&self, x: &Tensor) -> Tensor {
        let h = self.conv1.forward(&self.norm1.forward_silu(x));
        let h = self.conv2.forward(&self.norm2.forward_silu(&h));
        match &self.conv_shortcut {
            Some(conv) => conv.forward(x) + h,
            None => x + h,
        }
    }
}

/// Resnets numbered from 0, the first of which changes the number of channels.
pub(super) fn load_resnets(
    config: &AutoencoderKlConfig,
    loader: &Loader<'_>,
    count: i64,
    inputs: i64,
    outputs: i64,
) -> Result<Vec<Resnet>> {
    (0..count)
        .map(|index| {
            let inputs = if index == 0 { inputs } else { outputs };
            Resnet::load(config, &loader.at("resnets").at(index), inputs, outputs)
        })
        .collect()
}

/// `UNetMidBlock2D`: a resnet, attention of all pixels to each other, a resnet.
#[derive(Debug)]
pub(super) struct MidBlock {
    first: Resnet,
    attention: Attention,
    second: Resnet,
}

impl MidBlock {
    pub(super) fn load(config: &AutoencoderKlConfig, loader: &Loader<'_>, channels: i64) -> Result<Self> {
        Ok(Self {
            first: Resnet::load(config, &loader.at("resnets.0"), channels, channels)?,
            attention: Attention::load(config, &loader.at("attentions.0"), channels)?,
            second: Resnet::load(config, &loader.at("resnets.1"), channels, channels)?,
        })
    }

    /// `[batch, channels, h, w]` to the same.
    pub(super) fn forward(&self, x: &Tensor) -> Tensor {
        self.second.forward(&self.attention.forward(&self.first.forward(x)))
    }
}

/// Attention with one head as wide as the channels.
#[derive(Debug)]
struct Attention {
    group_norm: GroupNorm,
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Linear,
}

impl Attention {
    fn load(config: &AutoencoderKlConfig, loader: &Loader<'_>, channels: i64) -> Result<Self> {
        Ok(Self {
            group_norm: GroupNorm::load(&loader.at("group_norm"), channels, config.norm_num_groups, NORM_EPS)?,
            to_q: Linear::load(&loader.at("to_q"), channels, channels)?,
            to_k: Linear::load(&loader.at("to_k"), channels, channels)?,
            to_v: Linear::load(&loader.at("to_v"), channels, channels)?,
            to_out: Linear::load(&loader.at("to_out.0"), channels, channels)?,
        })
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        let (height, width) = (x.size()[2], x.size()[3]);
        let tokens = self.group_norm.forward(x).flatten(2, 3).transpose(1, 2);
        let (query, key) = (self.to_q.forward(&tokens), self.to_k.forward(&tokens));
        let mixed = attention(&query, &key, &self.to_v.forward(&tokens), 1, false);
        x + self.to_out.forward(&mixed).transpose(1, 2).unflatten(2, [height, width])
    }
}
