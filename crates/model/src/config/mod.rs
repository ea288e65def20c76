//! Sizes of every network, read from the `config.json` beside its weights, never assumed.
//!
//! Unknown keys are ignored, absent ones have diffusers' (or transformers') defaults, and a value that these networks
//! cannot represent is refused by name: a model that opens is computed as its makers meant it.

mod layout;
mod schedule;
mod text;
mod unet;
mod vae;

use std::fs;
use std::io::Read;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use schedule::{PredictionType, ScheduleConfig};
pub use text::{Activation, TextConfig};
pub use unet::{HeadCounts, UNetConfig};
pub use vae::{AutoencoderKlConfig, AutoencoderTinyConfig, VaeClass, VaeConfig};

use crate::error::{ModelError, Result};

/// The sizes of one Stable Diffusion model. As JSON it is an object of the four files, each under its folder's name.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct ModelConfig {
    /// `text_encoder/config.json`
    #[serde(rename = "text_encoder")]
    pub text: TextConfig,
    /// `unet/config.json`
    pub unet: UNetConfig,
    /// `vae/config.json`
    pub vae: VaeConfig,
    /// `scheduler/scheduler_config.json`
    #[serde(rename = "scheduler")]
    pub schedule: ScheduleConfig,
}

impl ModelConfig {
    /// Stable Diffusion 1.5.
    #[must_use]
    pub fn sd15() -> Self {
        Self {
            text: TextConfig::sd15(),
            unet: UNetConfig::sd15(),
            vae: VaeConfig::sd15(),
            schedule: ScheduleConfig::sd15(),
        }
    }

    /// A small model for trying things out: every block of SD 1.5, few channels. The trained miniature has its own sizes.
    #[must_use]
    pub fn mini() -> Self {
        Self {
            text: TextConfig::mini(),
            unet: UNetConfig::mini(),
            vae: VaeConfig::mini(),
            schedule: ScheduleConfig::sd15(),
        }
    }

    /// The configuration of a diffusers folder.
    ///
    /// A folder without `scheduler/scheduler_config.json` has SD 1.5's schedule; the other three files must be there.
    ///
    /// # Errors
    /// When a file is missing, is no JSON of the right form, or asks for what these networks cannot represent, as the
    /// folders of Stable Diffusion 2.x and XL do.
    pub fn from_folder(folder: &Path) -> Result<Self> {
        layout::require_sd1(folder)?;
        let schedule = folder.join("scheduler/scheduler_config.json");
        let config = Self {
            text: read(&folder.join("text_encoder/config.json"), TextConfig::check)?,
            unet: read(&folder.join("unet/config.json"), UNetConfig::check)?,
            vae: read(&folder.join("vae/config.json"), VaeConfig::check)?,
            schedule: if schedule.exists() { read(&schedule, ScheduleConfig::check)? } else { ScheduleConfig::sd15() },
        };
        config.check().map_err(|reason| ModelError::Config { path: folder.to_owned(), reason })?;
        Ok(config)
    }

    /// What must hold within and between the four parts.
    ///
    /// # Errors
    /// A sentence that names the key, its value and what is supported.
    pub fn check(&self) -> std::result::Result<(), String> {
        self.text.check()?;
        self.unet.check()?;
        self.vae.check()?;
        self.schedule.check()?;
        if self.text.hidden_size != self.unet.cross_attention_dim {
            return Err(format!(
                "the UNet's cross_attention_dim {} is not the text encoder's hidden_size {}; both must come from one model",
                self.unet.cross_attention_dim, self.text.hidden_size
            ));
        }
        if [self.unet.in_channels, self.unet.out_channels] != [self.vae.latent_channels(); 2] {
            return Err(format!(
                "the UNet's in_channels {} and out_channels {} are not the VAE's latent_channels {}; inpainting and other \
                 widened UNets are not supported",
                self.unet.in_channels,
                self.unet.out_channels,
                self.vae.latent_channels()
            ));
        }
        // Sizes of pictures and the noise they begin with are counted in these.
        check_is("latent_channels", &self.vae.latent_channels(), &LATENT_CHANNELS)?;
        check_is(
            "the number of pixels that the VAE makes one latent",
            &self.vae.pixels_per_latent(),
            &PIXELS_PER_LATENT,
        )
    }
}

/// Longest `config.json` that is read; those of diffusers and transformers have about 2 kB.
const MAX_CONFIG_BYTES: u64 = 1 << 20;

/// Reads and checks one configuration file.
pub(crate) fn read<T: DeserializeOwned>(path: &Path, check: fn(&T) -> std::result::Result<(), String>) -> Result<T> {
    let io_error = |source| ModelError::Io { path: path.to_owned(), source };
    let mut text = String::new();
    let file = fs::File::open(path).map_err(io_error)?;
    file.take(MAX_CONFIG_BYTES).read_to_string(&mut text).map_err(io_error)?;
    let refuse = |reason: String| ModelError::Config { path: path.to_owned(), reason };
    let config: T = serde_json::from_str(&text).map_err(|error| refuse(error.to_string()))?;
    check(&config).map_err(refuse)?;
    Ok(config)
}

/// Channels of latents, in every Stable Diffusion 1.x.
const LATENT_CHANNELS: i64 = 4;

/// Pixels of a side that one latent covers, likewise.
const PIXELS_PER_LATENT: i64 = 8;

/// The largest size any key may have: far above every published model, far below what overflows a tensor's size.
const MAX_SIZE: i64 = 1 << 20;
/// The most blocks or layers; bounds the work a hostile file can cause.
const MAX_COUNT: i64 = 256;

/// Refuses a size that is not positive or absurdly large.
pub(crate) fn check_size(key: &str, value: i64) -> std::result::Result<(), String> {
    check_range(key, value, MAX_SIZE)
}

/// Refuses a count that is not positive or absurdly large.
pub(crate) fn check_count(key: &str, value: i64) -> std::result::Result<(), String> {
    check_range(key, value, MAX_COUNT)
}

fn check_range(key: &str, value: i64, max: i64) -> std::result::Result<(), String> {
    if (1..=max).contains(&value) { Ok(()) } else { Err(format!("{key} is {value}; it must be from 1 to {max}")) }
}

/// Refuses what is added to a variance when it is not a small number above 0.
pub(crate) fn check_eps(key: &str, value: f64) -> std::result::Result<(), String> {
    if value > 0.0 && value < 1.0 { Ok(()) } else { Err(format!("{key} is {value}; it must be above 0 and below 1")) }
}

/// Refuses a value other than the one these networks compute.
pub(crate) fn check_is<T: PartialEq + std::fmt::Debug>(
    key: &str,
    value: &T,
    supported: &T,
) -> std::result::Result<(), String> {
    if value == supported { Ok(()) } else { Err(format!("{key} is {value:?}; only {supported:?} is supported")) }
}

/// Refuses channels that do not fall into groups.
fn check_groups(channels: &[i64], groups: i64) -> std::result::Result<(), String> {
    match channels.iter().find(|&&count| count % groups != 0) {
        Some(count) => Err(format!("block_out_channels has {count}, which norm_num_groups {groups} does not divide")),
        None => Ok(()),
    }
}
