//! diffusers' `AutoencoderTiny`: TAESD, a small autoencoder distilled from Stable Diffusion's
//! (<https://github.com/madebyollin/taesd>).

use serde::{Deserialize, Serialize};

use super::check_scaling_factor;
use crate::config::{check_count, check_is, check_size};

/// Sizes of an `AutoencoderTiny`. The keys that diffusers ignores in encoding and decoding are kept as they are.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct AutoencoderTinyConfig {
    /// Channels of images.
    pub in_channels: i64,
    /// Channels of decoded images.
    pub out_channels: i64,
    /// Channels of latents.
    pub latent_channels: i64,
    /// Channels of each of the encoder's resolutions, outermost first; one number throughout.
    pub encoder_block_out_channels: Vec<i64>,
    /// Channels of each of the decoder's resolutions, innermost first; one number throughout.
    pub decoder_block_out_channels: Vec<i64>,
    /// Residual blocks of each of the encoder's resolutions.
    pub num_encoder_blocks: Vec<i64>,
    /// Residual blocks of each of the decoder's resolutions.
    pub num_decoder_blocks: Vec<i64>,
    /// Latents are multiplied by this to have about unit variance; TAESD's have it as they are.
    pub scaling_factor: f64,
    /// Where latents end when they are stored as bytes; nothing is computed with it.
    pub latent_magnitude: f64,
    /// Where their middle is among the bytes; nothing is computed with it.
    pub latent_shift: f64,
    /// Subtracted from latents before scaling; SD 1.x has none.
    pub shift_factor: Option<f64>,
    /// Activation; only `relu`.
    pub act_fn: String,
    /// How the decoder's maps grow; only `nearest`.
    pub upsample_fn: String,
    /// By how much; only 2, as the encoder's shrink.
    pub upsampling_scaling_factor: i64,
}

impl Default for AutoencoderTinyConfig {
    /// diffusers' defaults for absent keys, which are TAESD's.
    fn default() -> Self {
        Self {
            in_channels: 3,
            out_channels: 3,
            latent_channels: 4,
            encoder_block_out_channels: vec![64; 4],
            decoder_block_out_channels: vec![64; 4],
            num_encoder_blocks: vec![1, 3, 3, 3],
            num_decoder_blocks: vec![3, 3, 3, 1],
            scaling_factor: 1.0,
            latent_magnitude: 3.0,
            latent_shift: 0.5,
            shift_factor: Some(0.0),
            act_fn: "relu".to_owned(),
            upsample_fn: "nearest".to_owned(),
            upsampling_scaling_factor: 2,
        }
    }
}

impl AutoencoderTinyConfig {
    pub(super) fn pixels_per_latent(&self) -> i64 {
        1 << self.num_encoder_blocks.len().saturating_sub(1).min(62)
    }

    /// What these networks can compute.
    ///
    /// # Errors
    /// A sentence that names the key, its value and what is supported.
    pub fn check(&self) -> Result<(), String> {
        check_size("in_channels", self.in_channels)?;
        check_size("out_channels", self.out_channels)?;
        check_size("latent_channels", self.latent_channels)?;
        let levels = self.num_encoder_blocks.len();
        check_count("number of num_encoder_blocks", levels as i64)?;
        check_half("encoder", &self.encoder_block_out_channels, &self.num_encoder_blocks, levels)?;
        check_half("decoder", &self.decoder_block_out_channels, &self.num_decoder_blocks, levels)?;
        check_scaling_factor(self.scaling_factor)?;
        check_is("shift_factor", &self.shift_factor.unwrap_or(0.0), &0.0)?;
        check_is("act_fn", &self.act_fn.as_str(), &"relu")?;
        check_is("upsample_fn", &self.upsample_fn.as_str(), &"nearest")?;
        check_is("upsampling_scaling_factor", &self.upsampling_scaling_factor, &2)
    }
}

fn check_half(half: &str, channels: &[i64], blocks: &[i64], levels: usize) -> Result<(), String> {
    for (key, entries) in
        [(format!("{half}_block_out_channels"), channels.len()), (format!("num_{half}_blocks"), blocks.len())]
    {
        if entries != levels {
            return Err(format!("{key} has {entries} entries, but num_encoder_blocks has {levels}"));
        }
    }
    blocks.iter().try_for_each(|&count| check_count(&format!("num_{half}_blocks"), count))?;
    channels.iter().try_for_each(|&count| check_size(&format!("{half}_block_out_channels"), count))?;
    // diffusers, too, leads from one resolution to the next with as many channels as the next has.
    if channels.iter().any(|count| Some(count) != channels.first()) {
        return Err(format!("{half}_block_out_channels is {channels:?}; only one number throughout is supported"));
    }
    Ok(())
}
