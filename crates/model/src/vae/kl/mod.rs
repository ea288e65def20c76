//! diffusers' `AutoencoderKL`: the autoencoder of latent diffusion (Rombach et al., 2022).
//!
//! # Layout
//! - `blocks`: what both halves are made of
//! - `encoder`, `decoder`: the halves

mod blocks;
mod decoder;
mod encoder;

use engine::tch::{Kind, Tensor};

use super::Posterior;
use crate::config::AutoencoderKlConfig;
use crate::error::Result;
use crate::layers::{Conv2d, Loader};

use decoder::Decoder;
use encoder::Encoder;

#[derive(Debug)]
pub(super) struct AutoencoderKl {
    encoder: Encoder,
    quant_conv: Conv2d,
    post_quant_conv: Conv2d,
    decoder: Decoder,
}

impl AutoencoderKl {
    pub(super) fn load(config: &AutoencoderKlConfig, loader: &Loader<'_>) -> Result<Self> {
        let latent = config.latent_channels;
        Ok(Self {
            encoder: Encoder::load(config, &loader.at("encoder"))?,
            decoder: Decoder::load(config, &loader.at("decoder"))?,
            quant_conv: Conv2d::load_1x1(&loader.at("quant_conv"), 2 * latent, 2 * latent)?,
            post_quant_conv: Conv2d::load_1x1(&loader.at("post_quant_conv"), latent, latent)?,
        })
    }

    /// `[batch, 3, height, width]` in [-1, 1] to distributions of `[batch, 4, height/8, width/8]`, f32.
    pub(super) fn encode(&self, images: &Tensor, kind: Kind) -> Posterior {
        let moments = self.quant_conv.forward(&self.encoder.forward(&images.to_kind(kind)));
        Posterior::from_moments(&moments.to_kind(Kind::Float))
    }

    /// `[batch, 4, h, w]` to `[batch, 3, 8h, 8w]`, f32.
    pub(super) fn decode(&self, latents: &Tensor, kind: Kind) -> Tensor {
        self.decoder.forward(&self.post_quant_conv.forward(&latents.to_kind(kind))).to_kind(Kind::Float)
    }
}
