//! The denoising UNet: diffusers' `UNet2DConditionModel` as SD 1.x configures it.
//!
//! # Layout
//! - `time_embedding`: the noise level as a vector
//! - `resnet`: convolutions that see it
//! - `transformer`: attention to itself and to the context
//! - `blocks`: down, middle and up, one resolution each

mod blocks;
mod resnet;
mod time_embedding;
mod transformer;

use engine::tch::{Kind, Tensor};

use crate::config::UNetConfig;
use crate::error::{ModelError, Result};
use crate::layers::{Conv2d, GroupNorm, Loader, NetworkTensors};

use blocks::{DownBlock, MidBlock, UpBlock};
use time_embedding::TimeEmbedding;

/// The denoising UNet.
#[derive(Debug)]
pub struct UNet {
    conv_in: Conv2d,
    time_embedding: TimeEmbedding,
    down_blocks: Vec<DownBlock>,
    mid_block: MidBlock,
    up_blocks: Vec<UpBlock>,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
    tensors: NetworkTensors,
}

impl UNet {
    /// Reads the weights; `loader` stands at the root of the UNet.
    ///
    /// # Errors
    /// When `config` cannot be represented, or a tensor is absent, damaged or of another shape than it asks for.
    pub fn load(config: &UNetConfig, loader: Loader<'_>) -> Result<Self> {
        let path = "unet/config.json".into();
        config.check().map_err(|reason| ModelError::Config { path, reason })?;
        let channels = &config.block_out_channels;
        let first = channels.first().copied().unwrap_or_default();
        let conv_in = Conv2d::load_3x3(&loader.at("conv_in"), config.in_channels, first)?;
        let time_embedding = TimeEmbedding::load(config, &loader.at("time_embedding"))?;
        let down_blocks = (0..channels.len())
            .map(|index| DownBlock::load(config, index, &loader.at("down_blocks").at(index)))
            .collect::<Result<_>>()?;
        let mid_block = MidBlock::load(config, &loader.at("mid_block"))?;
        let up_blocks = (0..channels.len())
            .map(|index| UpBlock::load(config, index, &loader.at("up_blocks").at(index)))
            .collect::<Result<_>>()?;
        let conv_norm_out =
            GroupNorm::load(&loader.at("conv_norm_out"), first, config.norm_num_groups, config.norm_eps)?;
        let conv_out = Conv2d::load_3x3(&loader.at("conv_out"), first, config.out_channels)?;
        let tensors = loader.into_tensors();
        Ok(Self { conv_in, time_embedding, down_blocks, mid_block, up_blocks, conv_norm_out, conv_out, tensors })
    }

    /// The prediction (noise or velocity, as the model was trained), computed in the dtype of `latents`.
    ///
    /// `latents`: `[batch, 4, height/8, width/8]`, any size from 1 up. `timesteps`: `[batch]`, floats may be
    /// fractional, integers are taken as they are. `context`: `[batch, n, cross_attention_dim]`.
    /// Answer: as `latents`.
    pub fn forward(&self, latents: &Tensor, timesteps: &Tensor, context: &Tensor) -> Tensor {
        let compute = latents.kind();
        let context = context.to_kind(compute);
        // Every resnet reads the embedding through a SiLU; it is taken once for all.
        let time = self.time_embedding.forward(&timesteps.to_kind(Kind::Float), compute).silu();

        let mut x = self.conv_in.forward(latents);
        let mut skips = vec![x.shallow_clone()];
        for block in &self.down_blocks {
            x = block.forward(&x, &time, &context, &mut skips);
        }
        x = self.mid_block.forward(&x, &time, &context);
        for block in &self.up_blocks {
            x = block.forward(x, &time, &context, &mut skips);
        }
        self.conv_out.forward(&self.conv_norm_out.forward_silu(&x))
    }

    /// The weights by their diffusers names, in order of construction.
    pub fn parameters(&self) -> &[(String, Tensor)] {
        &self.tensors.parameters
    }

    /// The adapter's tensors, f32, by kohya's names such as `lora_unet_mid_block_attentions_0_proj_in.lora_down.weight`
    /// and `….lora_up.weight`; empty without an adapter.
    pub fn adapter(&self) -> &[(String, Tensor)] {
        &self.tensors.adapter
    }
}
