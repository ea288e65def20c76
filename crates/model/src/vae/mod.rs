//! The autoencoder between images and latents.
//!
//! # Layout
//! - `kl`: diffusers' `AutoencoderKL`, Stable Diffusion's own
//! - `tiny`: diffusers' `AutoencoderTiny`, TAESD
//! - `posterior`: the normal distribution an image is encoded as

mod kl;
mod posterior;
mod tiny;

use std::path::Path;

use engine::tch::{Device, Kind, Tensor};

pub use posterior::Posterior;

use crate::config::VaeConfig;
use crate::error::{ModelError, Result};
use crate::layers::{Loader, NamedTensors};
use crate::weights::{Part, TaesdSource};

use kl::AutoencoderKl;
use tiny::AutoencoderTiny;

/// The autoencoder. It computes in the dtype it was loaded in; use f32 where memory allows.
#[derive(Debug)]
pub struct Vae {
    network: Network,
    scaling_factor: f64,
    kind: Kind,
    parameters: NamedTensors,
}

#[derive(Debug)]
enum Network {
    Kl(Box<AutoencoderKl>),
    Tiny(AutoencoderTiny),
}

impl Vae {
    /// Reads the weights; `loader` stands at the root of the VAE.
    ///
    /// # Errors
    /// When `config` cannot be represented, or a tensor is absent, damaged or of another shape than it asks for.
    pub fn load(config: &VaeConfig, loader: Loader<'_>) -> Result<Self> {
        let path = "vae/config.json".into();
        config.check().map_err(|reason| ModelError::Config { path, reason })?;
        let network = match config {
            VaeConfig::Kl(config) => Network::Kl(Box::new(AutoencoderKl::load(config, &loader)?)),
            VaeConfig::Tiny(config) => Network::Tiny(AutoencoderTiny::load(config, &loader)?),
        };
        Ok(Self {
            network,
            scaling_factor: config.scaling_factor(),
            kind: loader.kind(),
            parameters: loader.into_tensors().parameters,
        })
    }

    /// TAESD as its maker gives it away, on `device` in f32: `taesd_encoder.safetensors` and `taesd_decoder.safetensors` in
    /// `folder`.
    ///
    /// # Errors
    /// When one of the two is absent, damaged or another model's.
    pub fn taesd(folder: &Path, device: Device) -> Result<Self> {
        let source = TaesdSource::in_folder(folder)?;
        Self::load(&VaeConfig::taesd(), Loader::new(&source, Part::Vae, device, Kind::Float))
    }

    /// Images as distributions of latents.
    ///
    /// `images`: `[batch, 3, height, width]` in [-1, 1], sides multiples of 8 (of an `AutoencoderKL` a rest at the end is lost).
    /// The posterior is f32, `[batch, 4, height/8, width/8]`, not yet multiplied by [`Vae::scaling_factor`]. That of an
    /// `AutoencoderTiny` knows no doubt.
    #[must_use]
    pub fn encode(&self, images: &Tensor) -> Posterior {
        match &self.network {
            Network::Kl(network) => network.encode(images, self.kind),
            Network::Tiny(network) => network.encode(images, self.kind),
        }
    }

    /// Images from latents as the UNet knows them: they are divided by [`Vae::scaling_factor`] here.
    ///
    /// `latents`: `[batch, 4, h, w]`. Answer: f32, `[batch, 3, 8h, 8w]`, about in [-1, 1], not clamped.
    pub fn decode(&self, latents: &Tensor) -> Tensor {
        let latents = latents / self.scaling_factor;
        match &self.network {
            Network::Kl(network) => network.decode(&latents, self.kind),
            Network::Tiny(network) => network.decode(&latents, self.kind),
        }
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
