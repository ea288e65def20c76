//! `unet/config.json`: diffusers' `UNet2DConditionModel`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{check_count, check_eps, check_groups, check_is, check_size};

/// One number for all blocks, or one for each.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum HeadCounts {
    /// The same everywhere: SD 1.x.
    All(i64),
    /// From the outermost block inwards.
    Each(Vec<i64>),
}

/// Sizes of the denoising UNet.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct UNetConfig {
    /// Channels of the latents it reads.
    pub in_channels: i64,
    /// Channels of its prediction.
    pub out_channels: i64,
    /// Channels of each resolution, outermost first.
    pub block_out_channels: Vec<i64>,
    /// `CrossAttnDownBlock2D` or `DownBlock2D`, outermost first.
    pub down_block_types: Vec<String>,
    /// `CrossAttnUpBlock2D` or `UpBlock2D`, innermost first.
    pub up_block_types: Vec<String>,
    /// Resnets of a down block; an up block has one more.
    pub layers_per_block: i64,
    /// Width of the context.
    pub cross_attention_dim: i64,
    /// In spite of its name, the NUMBER of heads: diffusers kept SD 1.x's files readable when it noticed.
    pub attention_head_dim: HeadCounts,
    /// The same under its right name, where a file has it.
    pub num_attention_heads: Option<HeadCounts>,
    /// Groups of group norms.
    pub norm_num_groups: i64,
    /// Added to the variance in resnets' group norms.
    pub norm_eps: f64,
    /// Time embedding with cosines before sines.
    pub flip_sin_to_cos: bool,
    /// Subtracted from the number of frequencies in the time embedding's exponent.
    pub freq_shift: f64,
    /// Attention's projections in and out are linear layers, not 1×1 convolutions.
    pub use_linear_projection: bool,
    /// Everything below must have the one value that SD 1.x uses; see [`UNetConfig::check`].
    #[serde(flatten)]
    pub fixed: FixedChoices,
}

/// Choices of diffusers' UNet that SD 1.x leaves alone.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct FixedChoices {
    act_fn: String,
    mid_block_type: String,
    time_embedding_type: String,
    resnet_time_scale_shift: String,
    downsample_padding: i64,
    mid_block_scale_factor: f64,
    conv_in_kernel: i64,
    conv_out_kernel: i64,
    center_input_sample: bool,
    dual_cross_attention: bool,
    /// One number, or one a block.
    transformer_layers_per_block: Value,
    /// One bool, or one a block.
    only_cross_attention: Value,
    class_embed_type: Value,
    addition_embed_type: Value,
    encoder_hid_dim: Value,
    num_class_embeds: Value,
    time_cond_proj_dim: Value,
}

impl Default for FixedChoices {
    fn default() -> Self {
        Self {
            act_fn: "silu".to_owned(),
            mid_block_type: "UNetMidBlock2DCrossAttn".to_owned(),
            time_embedding_type: "positional".to_owned(),
            resnet_time_scale_shift: "default".to_owned(),
            downsample_padding: 1,
            mid_block_scale_factor: 1.0,
            conv_in_kernel: 3,
            conv_out_kernel: 3,
            transformer_layers_per_block: Value::from(1),
            center_input_sample: false,
            dual_cross_attention: false,
            only_cross_attention: Value::Bool(false),
            class_embed_type: Value::Null,
            addition_embed_type: Value::Null,
            encoder_hid_dim: Value::Null,
            num_class_embeds: Value::Null,
            time_cond_proj_dim: Value::Null,
        }
    }
}

impl FixedChoices {
    fn check(&self) -> Result<(), String> {
        let usual = Self::default();
        check_is("act_fn", &self.act_fn, &usual.act_fn)?;
        check_is("mid_block_type", &self.mid_block_type, &usual.mid_block_type)?;
        check_is("time_embedding_type", &self.time_embedding_type, &usual.time_embedding_type)?;
        check_is("resnet_time_scale_shift", &self.resnet_time_scale_shift, &usual.resnet_time_scale_shift)?;
        check_is("downsample_padding", &self.downsample_padding, &usual.downsample_padding)?;
        check_is("mid_block_scale_factor", &self.mid_block_scale_factor, &usual.mid_block_scale_factor)?;
        check_is("conv_in_kernel", &self.conv_in_kernel, &usual.conv_in_kernel)?;
        check_is("conv_out_kernel", &self.conv_out_kernel, &usual.conv_out_kernel)?;
        let layers = &self.transformer_layers_per_block;
        check_is("transformer_layers_per_block", layers, &usual.transformer_layers_per_block)?;
        check_is("center_input_sample", &self.center_input_sample, &usual.center_input_sample)?;
        check_is("dual_cross_attention", &self.dual_cross_attention, &usual.dual_cross_attention)?;
        check_is("only_cross_attention", &self.only_cross_attention, &usual.only_cross_attention)?;
        check_is("class_embed_type", &self.class_embed_type, &Value::Null)?;
        check_is("addition_embed_type", &self.addition_embed_type, &Value::Null)?;
        check_is("encoder_hid_dim", &self.encoder_hid_dim, &Value::Null)?;
        check_is("num_class_embeds", &self.num_class_embeds, &Value::Null)?;
        check_is("time_cond_proj_dim", &self.time_cond_proj_dim, &Value::Null)
    }
}

impl Default for UNetConfig {
    /// diffusers' defaults for absent keys, which are not SD 1.5's.
    fn default() -> Self {
        let names = |names: [&str; 4]| names.map(str::to_owned).to_vec();
        Self {
            in_channels: 4,
            out_channels: 4,
            block_out_channels: vec![320, 640, 1280, 1280],
            down_block_types: names([CROSS_DOWN, CROSS_DOWN, CROSS_DOWN, DOWN]),
            up_block_types: names([UP, CROSS_UP, CROSS_UP, CROSS_UP]),
            layers_per_block: 2,
            cross_attention_dim: 1280,
            attention_head_dim: HeadCounts::All(8),
            num_attention_heads: None,
            norm_num_groups: 32,
            norm_eps: 1e-5,
            flip_sin_to_cos: true,
            freq_shift: 0.0,
            use_linear_projection: false,
            fixed: FixedChoices::default(),
        }
    }
}

const CROSS_DOWN: &str = "CrossAttnDownBlock2D";
const DOWN: &str = "DownBlock2D";
const CROSS_UP: &str = "CrossAttnUpBlock2D";
const UP: &str = "UpBlock2D";

impl UNetConfig {
    /// Stable Diffusion 1.5's: 859,520,964 parameters.
    #[must_use]
    pub fn sd15() -> Self {
        Self { cross_attention_dim: 768, ..Self::default() }
    }

    /// The miniature model's.
    #[must_use]
    pub fn mini() -> Self {
        Self { block_out_channels: vec![32, 64, 96, 128], cross_attention_dim: 64, ..Self::default() }
    }

    /// How many heads attention has in the block of this number, outermost first.
    #[must_use]
    pub fn heads(&self, block: usize) -> i64 {
        match self.head_counts() {
            HeadCounts::All(count) => *count,
            HeadCounts::Each(counts) => counts.get(block).copied().unwrap_or(1),
        }
    }

    /// Whether the down block of this number, outermost first, attends to the context.
    #[must_use]
    pub fn down_attends(&self, block: usize) -> bool {
        self.down_block_types.get(block).is_some_and(|name| name == CROSS_DOWN)
    }

    /// Whether the up block of this number, innermost first, attends to the context.
    #[must_use]
    pub fn up_attends(&self, block: usize) -> bool {
        self.up_block_types.get(block).is_some_and(|name| name == CROSS_UP)
    }

    fn head_counts(&self) -> &HeadCounts {
        self.num_attention_heads.as_ref().unwrap_or(&self.attention_head_dim)
    }

    /// What these networks can compute.
    ///
    /// # Errors
    /// A sentence that names the key, its value and what is supported.
    pub fn check(&self) -> Result<(), String> {
        check_size("in_channels", self.in_channels)?;
        check_size("out_channels", self.out_channels)?;
        check_size("cross_attention_dim", self.cross_attention_dim)?;
        check_count("layers_per_block", self.layers_per_block)?;
        check_size("norm_num_groups", self.norm_num_groups)?;
        check_count("number of block_out_channels", self.block_out_channels.len() as i64)?;
        for &channels in &self.block_out_channels {
            check_size("block_out_channels", channels)?;
        }
        check_groups(&self.block_out_channels, self.norm_num_groups)?;
        check_block_types("down_block_types", &self.down_block_types, &[CROSS_DOWN, DOWN], &self.block_out_channels)?;
        check_block_types("up_block_types", &self.up_block_types, &[CROSS_UP, UP], &self.block_out_channels)?;
        check_eps("norm_eps", self.norm_eps)?;
        // The exponents of the frequencies are divided by their number less this.
        let frequencies = self.block_out_channels.first().map_or(0, |channels| channels / 2);
        if !(self.freq_shift >= 0.0 && self.freq_shift < frequencies as f64) {
            return Err(format!("freq_shift is {}; it must be at least 0 and below {frequencies}", self.freq_shift));
        }
        self.check_heads()?;
        self.fixed.check()
    }

    fn check_heads(&self) -> Result<(), String> {
        if let HeadCounts::Each(counts) = self.head_counts()
            && counts.len() != self.block_out_channels.len()
        {
            return Err(format!(
                "attention_head_dim has {} entries, but there are {} blocks",
                counts.len(),
                self.block_out_channels.len()
            ));
        }
        for (block, &channels) in self.block_out_channels.iter().enumerate() {
            let heads = self.heads(block);
            check_size("attention_head_dim", heads)?;
            if channels % heads != 0 {
                return Err(format!("attention_head_dim {heads} does not divide block_out_channels' {channels}"));
            }
        }
        Ok(())
    }
}

fn check_block_types(key: &str, types: &[String], supported: &[&str], channels: &[i64]) -> Result<(), String> {
    if types.len() != channels.len() {
        return Err(format!("{key} has {} entries, but block_out_channels has {}", types.len(), channels.len()));
    }
    match types.iter().find(|name| !supported.contains(&name.as_str())) {
        Some(name) => Err(format!("{key} has {name:?}; only {} are supported", supported.join(" and "))),
        None => Ok(()),
    }
}
