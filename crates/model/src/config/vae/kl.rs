//! diffusers' `AutoencoderKL`: the autoencoder of Stable Diffusion itself.

use serde::{Deserialize, Serialize};

use crate::config::{check_count, check_groups, check_is, check_size};

use super::check_scaling_factor;

/// Sizes of an `AutoencoderKL`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct AutoencoderKlConfig {
    /// Channels of images.
    pub in_channels: i64,
    /// Channels of decoded images.
    pub out_channels: i64,
    /// Channels of latents.
    pub latent_channels: i64,
    /// Channels of each resolution, outermost first.
    pub block_out_channels: Vec<i64>,
    /// Resnets of an encoder block; a decoder block has one more.
    pub layers_per_block: i64,
    /// Groups of group norms.
    pub norm_num_groups: i64,
    /// Latents are multiplied by this to have about unit variance.
    pub scaling_factor: f64,
    /// Activation; only `silu`.
    pub act_fn: String,
    /// Subtracted from latents before scaling; SD 1.x has none.
    pub shift_factor: Option<f64>,
    /// The 1×1 convolution behind the encoder is there.
    pub use_quant_conv: bool,
    /// The 1×1 convolution before the decoder is there.
    pub use_post_quant_conv: bool,
    /// The middle blocks attend.
    pub mid_block_add_attention: bool,
    /// `DownEncoderBlock2D` for each resolution.
    pub down_block_types: Option<Vec<String>>,
    /// `UpDecoderBlock2D` for each resolution.
    pub up_block_types: Option<Vec<String>>,
}

impl Default for AutoencoderKlConfig {
    /// diffusers' defaults for absent keys, which are not SD 1.5's.
    fn default() -> Self {
        Self {
            in_channels: 3,
            out_channels: 3,
            latent_channels: 4,
            block_out_channels: vec![64],
            layers_per_block: 1,
            norm_num_groups: 32,
            scaling_factor: 0.18215,
            act_fn: "silu".to_owned(),
            shift_factor: None,
            use_quant_conv: true,
            use_post_quant_conv: true,
            mid_block_add_attention: true,
            down_block_types: None,
            up_block_types: None,
        }
    }
}

impl AutoencoderKlConfig {
    /// Stable Diffusion 1.5's: 83,653,863 parameters.
    #[must_use]
    pub fn sd15() -> Self {
        Self { block_out_channels: vec![128, 256, 512, 512], layers_per_block: 2, ..Self::default() }
    }

    /// The miniature model's.
    #[must_use]
    pub fn mini() -> Self {
        Self { block_out_channels: vec![32, 32, 64, 64], layers_per_block: 2, ..Self::default() }
    }

    pub(super) fn pixels_per_latent(&self) -> i64 {
        1 << self.block_out_channels.len().saturating_sub(1).min(62)
    }

    /// What these networks can compute.
    ///
    /// # Errors
    /// A sentence that names the key, its value and what is supported.
    pub fn check(&self) -> Result<(), String> {
        check_size("in_channels", self.in_channels)?;
        check_size("out_channels", self.out_channels)?;
        check_size("latent_channels", self.latent_channels)?;
        check_count("layers_per_block", self.layers_per_block)?;
        check_size("norm_num_groups", self.norm_num_groups)?;
        check_count("number of block_out_channels", self.block_out_channels.len() as i64)?;
        for &channels in &self.block_out_channels {
            check_size("block_out_channels", channels)?;
        }
        check_groups(&self.block_out_channels, self.norm_num_groups)?;
        check_scaling_factor(self.scaling_factor)?;
        check_is("act_fn", &self.act_fn.as_str(), &"silu")?;
        check_is("shift_factor", &self.shift_factor, &None)?;
        check_is("use_quant_conv", &self.use_quant_conv, &true)?;
        check_is("use_post_quant_conv", &self.use_post_quant_conv, &true)?;
        check_is("mid_block_add_attention", &self.mid_block_add_attention, &true)?;
        self.check_types("down_block_types", self.down_block_types.as_ref(), "DownEncoderBlock2D")?;
        self.check_types("up_block_types", self.up_block_types.as_ref(), "UpDecoderBlock2D")
    }

    fn check_types(&self, key: &str, types: Option<&Vec<String>>, supported: &str) -> Result<(), String> {
        let Some(types) = types else { return Ok(()) };
        if types.len() != self.block_out_channels.len() {
            return Err(format!(
                "{key} has {} entries, but block_out_channels has {}",
                types.len(),
                self.block_out_channels.len()
            ));
        }
        types.iter().try_for_each(|name| check_is(key, &name.as_str(), &supported))
    }
}
