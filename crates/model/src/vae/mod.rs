//! The autoencoder between images and latents: diffusers' `AutoencoderKL`.
//!
//! # Layout
//! - `blocks`: what both halves are made of
//! - `encoder`, `decoder`: the halves
//! - `posterior`: the normal distribution an image is encoded as

mod blocks;
mod decoder;
mod encoder;
mod posterior;

use engine::tch::{Kind, Tensor};

pub use posterior::Posterior;

use crate::config::VaeConfig;
use crate::error::{ModelError, Result};
use crate::layers::{Conv2d, Loader, NamedTensors};

use decoder::Decoder;
use encoder::Encoder;

/// The autoencoder. It computes in the dtype it was loaded in; use f32 where memory allows.
#[derive(Debug)]
pub struct Vae {
    encoder: Encoder,
    quant_conv: Conv2d,
    post_quant_conv: Conv2d,
    decoder: Decoder,
    scaling_factor: f64,
    kind: Kind,
    parameters: NamedTensors,
}

impl Vae {
    /// Reads the weights; `loader` stands at the root of the VAE.
    ///
    /// # Errors
    /// When `config` cannot be represented, or a tensor is absent, damaged or of another shape than it asks for.
    pub fn load(config: &VaeConfig, loader: Loader<'_>) -> Result<Self> {
        let path = "vae/config.json".into();
        config.check().map_err(|reason| ModelError::Config { path, reason })?;
        let latent = config.latent_channels;
        Ok(Self {
            encoder: Encoder::load(config, &loader.at("encoder"))?,
            decoder: Decoder::load(config, &loader.at("decoder"))?,
            quant_conv: Conv2d::load_1x1(&loader.at("quant_conv"), 2 * latent, 2 * latent)?,
            post_quant_conv: Conv2d::load_1x1(&loader.at("post_quant_conv"), latent, latent)?,
            scaling_factor: config.scaling_factor,
            kind: loader.kind(),
            parameters: loader.into_tensors().parameters,
        })
    }

    /// Images as distributions of latents.
    ///
    /// `images`: `[batch, 3, height, width]` in [-1, 1], sides multiples of 8 (a rest at the end is lost).
    /// The posterior is f32, `[batch, 4, height/8, width/8]`, not yet multiplied by [`Vae::scaling_factor`].
    #[must_use]
    pub fn encode(&self, images: &Tensor) -> Posterior {
        let moments = self.quant_conv.forward(&self.encoder.forward(&images.to_kind(self.kind)));
        Posterior::from_moments(&moments.to_kind(Kind::Float))
    }

    /// Images from latents as the UNet knows them: they are divided by [`Vae::scaling_factor`] here.
    ///
    /// `latents`: `[batch, 4, h, w]`. Answer: f32, `[batch, 3, 8h, 8w]`, about in [-1, 1], not clamped.
    pub fn decode(&self, latents: &Tensor) -> Tensor {
        let latents = (latents / self.scaling_factor).to_kind(self.kind);
        self.decoder.forward(&self.post_quant_conv.forward(&latents)).to_kind(Kind::Float)
    }

    /// What sampled latents are multiplied by before the UNet sees them.
    #[must_use]
    pub fn scaling_factor(&self) -> f64 {
        self.scaling_factor
    }

    /// The weights by their diffusers names, in order of construction.
    pub fn parameters(&self) -> &[(String, Tensor)] {
        &self.parameters
    }
}
