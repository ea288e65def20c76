//! `vae/config.json`: the autoencoders that a model may have, told apart by `_class_name`.

mod kl;
mod tiny;

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use kl::AutoencoderKlConfig;
pub use tiny::AutoencoderTinyConfig;

/// Sizes of the autoencoder. A configuration that names no class is an `AutoencoderKL`'s; one that is written names its own.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "_class_name")]
pub enum VaeConfig {
    /// `AutoencoderKL`
    #[serde(rename = "AutoencoderKL")]
    Kl(AutoencoderKlConfig),
    /// `AutoencoderTiny`
    #[serde(rename = "AutoencoderTiny")]
    Tiny(AutoencoderTinyConfig),
}

names::names! {
    /// The classes of autoencoders.
    pub enum VaeClass: "supported _class_name of a VAE" {
        /// Stable Diffusion's own.
        Kl = "AutoencoderKL",
        /// TAESD.
        Tiny = "AutoencoderTiny",
    }
}

/// What says which of them a configuration is.
#[derive(Deserialize)]
struct Head {
    #[serde(rename = "_class_name")]
    class: Option<VaeClass>,
}

impl<'de> Deserialize<'de> for VaeConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let keys = Value::deserialize(deserializer)?;
        let config = Head::deserialize(&keys).and_then(|head| match head.class.unwrap_or(VaeClass::Kl) {
            VaeClass::Kl => serde_json::from_value(keys).map(Self::Kl),
            VaeClass::Tiny => serde_json::from_value(keys).map(Self::Tiny),
        });
        config.map_err(D::Error::custom)
    }
}

impl VaeConfig {
    /// Stable Diffusion 1.5's: 83,653,863 parameters.
    #[must_use]
    pub fn sd15() -> Self {
        Self::Kl(AutoencoderKlConfig::sd15())
    }

    /// The miniature model's.
    #[must_use]
    pub fn mini() -> Self {
        Self::Kl(AutoencoderKlConfig::mini())
    }

    /// TAESD's: 2,445,063 parameters.
    #[must_use]
    pub fn taesd() -> Self {
        Self::Tiny(AutoencoderTinyConfig::default())
    }

    /// Which of the autoencoders it is.
    #[must_use]
    pub fn class(&self) -> VaeClass {
        match self {
            Self::Kl(_) => VaeClass::Kl,
            Self::Tiny(_) => VaeClass::Tiny,
        }
    }

    /// Channels of latents.
    #[must_use]
    pub fn latent_channels(&self) -> i64 {
        match self {
            Self::Kl(config) => config.latent_channels,
            Self::Tiny(config) => config.latent_channels,
        }
    }

    /// What latents are multiplied with to have about unit variance.
    #[must_use]
    pub fn scaling_factor(&self) -> f64 {
        match self {
            Self::Kl(config) => config.scaling_factor,
            Self::Tiny(config) => config.scaling_factor,
        }
    }

    /// How many pixels of a side one latent covers: 8 for SD 1.x.
    #[must_use]
    pub fn pixels_per_latent(&self) -> i64 {
        match self {
            Self::Kl(config) => config.pixels_per_latent(),
            Self::Tiny(config) => config.pixels_per_latent(),
        }
    }

    /// What these networks can compute.
    ///
    /// # Errors
    /// A sentence that names the key, its value and what is supported.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Self::Kl(config) => config.check(),
            Self::Tiny(config) => config.check(),
        }
    }
}

fn check_scaling_factor(factor: f64) -> Result<(), String> {
    if factor.is_finite() && factor > 0.0 {
        Ok(())
    } else {
        Err(format!("scaling_factor is {factor}; it must be above 0"))
    }
}
