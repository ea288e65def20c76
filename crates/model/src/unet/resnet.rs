//! Diffusers' `ResnetBlock2D`: two convolutions with the time embedding added between them.

use engine::tch::Tensor;

use crate::config::UNetConfig;
use crate::error::Result;
use crate::layers::{Conv2d, GroupNorm, Linear, Loader};

use super::time_embedding::time_embed_dim;

#[derive(Debug)]
pub(super) struct Resnet {
    norm1: GroupNorm,
    conv1: Conv2d,
    time_emb_proj: Linear,
    norm2: GroupNorm,
    conv2: Conv2d,
    /// A 1×1 convolution on the residual path where the number of channels changes.
    conv_shortcut: Option<Conv2d>,
}

impl Resnet {
    pub(super) fn load(config: &UNetConfig, loader: &Loader<'_>, inputs: i64, outputs: i64) -> Result<Self> {
        let (groups, eps) = (config.norm_num_groups, config.norm_eps);
        Ok(Self {
            norm1: GroupNorm::load(&loader.at("norm1"), inputs, groups, eps)?,
            conv1: Conv2d::load_3x3(&loader.at("conv1"), inputs, outputs)?,
            time_emb_proj: Linear::load(&loader.at("time_emb_proj"), time_embed_dim(config), outputs)?,
            norm2: GroupNorm::load(&loader.at("norm2"), outputs, groups, eps)?,
            conv2: Conv2d::load_3x3(&loader.at("conv2"), outputs, outputs)?,
            conv_shortcut: if inputs == outputs {
                None
            } else {
                Some(Conv2d::load_1x1(&loader.at("conv_shortcut"), inputs, outputs)?)
            },
        })
    }

    /// `x`: `[batch, inputs, h, w]`; `time`: `[batch, 4 · channels]`, SiLU applied. Answer: `[batch, outputs, h, w]`.
    pub(super) fn forward(&self, x: &Tensor, time: &Tensor) -> Tensor {
        let shift = self.time_emb_proj.forward(time).unsqueeze(-1).unsqueeze(-1);
        let h = self.conv1.forward(&self.norm1.forward_silu(x)) + shift;
        let h = self.conv2.forward(&self.norm2.forward_silu(&h));
        match &self.conv_shortcut {
            Some(conv) => conv.forward(x) + h,
            None => x + h,
        }
    }
}
