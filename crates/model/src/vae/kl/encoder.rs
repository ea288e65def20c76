//! Images to moments of latents.

use engine::tch::Tensor;

use crate::config::AutoencoderKlConfig;
use crate::error::Result;
use crate::layers::{Conv2d, GroupNorm, Loader};

use super::blocks::{MidBlock, NORM_EPS, Resnet, load_resnets};

#[derive(Debug)]
pub(super) struct Encoder {
    conv_in: Conv2d,
    down_blocks: Vec<DownBlock>,
    mid_block: MidBlock,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
}

#[derive(Debug)]
struct DownBlock {
    resnets: Vec<Resnet>,
    downsampler: Option<Conv2d>,
}

impl Encoder {
    pub(super) fn load(config: &AutoencoderKlConfig, loader: &Loader<'_>) -> Result<Self> {
        let channels = &config.block_out_channels;
        let (first, last) = (channels[0], channels[channels.len() - 1]);
        let conv_in = Conv2d::load_3x3(&loader.at("conv_in"), config.in_channels, first)?;
        let down_blocks = (0..channels.len())
            .map(|index| DownBlock::load(config, index, &loader.at("down_blocks").at(index)))
            .collect::<Result<_>>()?;
        Ok(Self {
            conv_in,
            down_blocks,
            mid_block: MidBlock::load(config, &loader.at("mid_block"), last)?,
            conv_norm_out: GroupNorm::load(&loader.at("conv_norm_out"), last, config.norm_num_groups, NORM_EPS)?,
            conv_out: Conv2d::load_3x3(&loader.at("conv_out"), last, 2 * config.latent_channels)?,
        })
    }

    /// `[batch, 3, height, width]` to `[batch, 8, height/8, width/8]`.
    pub(super) fn forward(&self, images: &Tensor) -> Tensor {
        let mut x = self.conv_in.forward(images);
        for block in &self.down_blocks {
            x = block.forward(x);
        }
        self.conv_out.forward(&self.conv_norm_out.forward_silu(&self.mid_block.forward(&x)))
    }
}

impl DownBlock {
    fn load(config: &AutoencoderKlConfig, index: usize, loader: &Loader<'_>) -> Result<Self> {
        let channels = &config.block_out_channels;
        let (inputs, outputs) = (channels[index.saturating_sub(1)], channels[index]);
        let resnets = load_resnets(config, loader, config.layers_per_block, inputs, outputs)?;
        let downsampler = if index + 1 < channels.len() {
            Some(Conv2d::load(&loader.at("downsamplers.0.conv"), outputs, outputs, 3, 2, 0)?)
        } else {
            None
        };
        Ok(Self { resnets, downsampler })
    }

    fn forward(&self, mut x: Tensor) -> Tensor {
        for resnet in &self.resnets {
            x = resnet.forward(&x);
        }
        match &self.downsampler {
            // Padded on the right and below only, as the original code of latent diffusion does.
            Some(conv) => conv.forward(&x.constant_pad_nd([0, 1, 0, 1])),
            None => x,
        }
    }
}
