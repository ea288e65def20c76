//! What a request's profile stands for: each field that was left out gets the profile's value here, and nowhere else.
//!
//! `faithful` is the original endpoint's mathematics (spec sections 1 to 4); `recommended` mends what its section 6 lists.
//! The measured reasons stand in `docs/training.md`.

use model::VaeConfig;
use protocol::{CaptionPadding, Crop, Profile, TextTraining, TrainSettings};
use serde::Serialize;

/// What the original multiplies latents with, whatever the VAE's configuration says.
pub const ORIGINAL_SCALING_FACTOR: f64 = 0.18215;

/// The fields that follow the profile, resolved.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Recipe {
    /// What is trained besides the UNet, and how.
    pub text_training: TextTraining,
    /// How many positions a caption takes.
    pub caption_padding: CaptionPadding,
    /// Whether a concept's name is its caption as it is.
    pub verbatim_concept_name: bool,
    /// Whether a `.txt` file beside an image is its caption.
    pub caption_files: bool,
    /// Whether photos are turned upright.
    pub exif_orientation: bool,
    /// Where photos are cut.
    pub crop: Crop,
    /// Different random crops of a photo.
    pub crops_per_image: usize,
    /// Whether the same images form a batch all the time.
    pub frozen_batches: bool,
    /// What latents are multiplied with; `None`: the VAE's own factor.
    pub latent_scaling_factor: Option<f64>,
    /// Weights that share one scale in 8-bit Adam.
    pub adam_8_bit_block_size: u32,
}

impl Recipe {
    /// The recipe of these settings.
    pub fn of(settings: &TrainSettings) -> Self {
        let profile = match settings.profile {
            Profile::Recommended => Self::recommended(),
            Profile::Faithful => Self::faithful(),
        };
        Self {
            text_training: settings.text_training.unwrap_or(profile.text_training),
            caption_padding: settings.caption_padding.unwrap_or(profile.caption_padding),
            verbatim_concept_name: settings.verbatim_concept_name.unwrap_or(profile.verbatim_concept_name),
            caption_files: settings.caption_files.unwrap_or(profile.caption_files),
            exif_orientation: settings.exif_orientation.unwrap_or(profile.exif_orientation),
            crop: settings.crop.unwrap_or(profile.crop),
            crops_per_image: settings.crops_per_image.map_or(profile.crops_per_image, |crops| crops as usize),
            frozen_batches: settings.frozen_batches.unwrap_or(profile.frozen_batches),
            latent_scaling_factor: settings.latent_scaling_factor.or(profile.latent_scaling_factor),
            adam_8_bit_block_size: settings.adam_8_bit_block_size.unwrap_or(profile.adam_8_bit_block_size),
        }
    }

    /// The recipe of these settings for a base with this autoencoder. The original's number is that of Stable Diffusion's own
    /// latents; a tiny autoencoder's have about unit variance as they are, so with one the profile means its own factor.
    pub fn with_autoencoder(settings: &TrainSettings, vae: &VaeConfig) -> Self {
        let recipe = Self::of(settings);
        match vae {
            VaeConfig::Kl(_) => recipe,
            VaeConfig::Tiny(_) => Self { latent_scaling_factor: settings.latent_scaling_factor, ..recipe },
        }
    }

    fn recommended() -> Self {
        Self {
            text_training: TextTraining::FrozenUnet,
            caption_padding: CaptionPadding::MaxLength,
            verbatim_concept_name: true,
            caption_files: true,
            exif_orientation: true,
            crop: Crop::Random,
            crops_per_image: 4,
            frozen_batches: false,
            latent_scaling_factor: None,
            adam_8_bit_block_size: 256,
        }
    }

    fn faithful() -> Self {
        Self {
            text_training: TextTraining::Joint,
            caption_padding: CaptionPadding::Longest,
            verbatim_concept_name: false,
            caption_files: false,
            exif_orientation: false,
            crop: Crop::Random,
            crops_per_image: 1,
            frozen_batches: true,
            latent_scaling_factor: Some(ORIGINAL_SCALING_FACTOR),
            adam_8_bit_block_size: 2048,
        }
    }
}
