//! Latents to images.

use engine::tch::Tensor;

use crate::config::AutoencoderKlConfig;
use crate::error::Result;
use crate::layers::{Conv2d, GroupNorm, Loader};

use super::blocks::{MidBlock, NORM_EPS, Resnet, load_resnets};

#[derive(Debug)]
pub(super) struct Decoder {
    conv_in: Conv2d,
    mid_block: MidBlock,
    up_blocks: Vec<UpBlock>,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
}

#[derive(Debug)]
struct UpBlock {
    resnets: Vec<Resnet>,
    upsampler: Option<Conv2d>,
}

impl Decoder {
    pub(super) fn load(config: &AutoencoderKlConfig, loader: &Loader<'_>) -> Result<Self> {
        let channels = &config.block_out_channels;
        let (first, last) = (channels[0], channels[channels.len() - 1]);
        let conv_in = Conv2d::load_3x3(&loader.at("conv_in"), config.latent_channels, last)?;
        let mid_block = MidBlock::load(config, &loader.at("mid_block"), last)?;
        let up_blocks = (0..channels.len())
            .map(|index| UpBlock::load(config, index, &loader.at("up_blocks").at(index)))
            .collect::<Result<_>>()?;
        Ok(Self {
            conv_in,
            mid_block,
            up_blocks,
            conv_norm_out: GroupNorm::load(&loader.at("conv_norm_out"), first, config.norm_num_groups, NORM_EPS)?,
            conv_out: Conv2d::load_3x3(&loader.at("conv_out"), first, config.out_channels)?,
        })
    }

    /// `[batch, 4, h, w]` to `[batch, 3, 8h, 8w]`.
    pub(super) fn forward(&self, latents: &Tensor) -> Tensor {
        let mut x = self.mid_block.forward(&self.conv_in.forward(latents));
        for block in &self.up_blocks {
            x = block.forward(x);
        }
        self.conv_out.forward(&self.conv_norm_out.forward_silu(&x))
    }
}

impl UpBlock {
    /// The block of this number, innermost first.
    fn load(config: &AutoencoderKlConfig, index: usize, loader: &Loader<'_>) -> Result<Self> {
        let channels = &config.block_out_channels;
        let level = channels.len() - 1 - index;
        let inputs = channels[(level + 1).min(channels.len() - 1)];
        let outputs = channels[level];
        let resnets = load_resnets(config, loader, config.layers_per_block + 1, inputs, outputs)?;
        let upsampler =
            if level > 0 { Some(Conv2d::load_3x3(&loader.at("upsamplers.0.conv"), outputs, outputs)?) } else { None };
        Ok(Self { resnets, upsampler })
    }

    fn forward(&self, mut x: Tensor) -> Tensor {
        for resnet in &self.resnets {
            x = resnet.forward(&x);
        }
        match &self.upsampler {
            Some(conv) => {
                let size = x.size();
                conv.forward(&x.upsample_nearest2d([2 * size[2], 2 * size[3]], None, None))
            }
            None => x,
        }
    }
}
