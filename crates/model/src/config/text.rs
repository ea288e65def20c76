//! `text_encoder/config.json`: transformers' `CLIPTextConfig`.

use serde::{Deserialize, Serialize};

use super::{check_count, check_eps, check_size};

names::names! {
    /// The activation of feed-forward layers.
    pub enum Activation: "supported hidden_act" {
        /// x · sigmoid(1.702 x): SD 1.x.
        QuickGelu = "quick_gelu",
        /// The exact GELU: SD 2.x.
        Gelu = "gelu",
    }
}

/// Sizes of CLIP's text model.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct TextConfig {
    /// Rows of the token embedding.
    pub vocab_size: i64,
    /// Width of the residual stream, and of the context the UNet sees.
    pub hidden_size: i64,
    /// Width inside feed-forward layers.
    pub intermediate_size: i64,
    /// Transformer layers.
    pub num_hidden_layers: i64,
    /// Attention heads; they share `hidden_size` evenly.
    pub num_attention_heads: i64,
    /// The longest sequence, specials included.
    pub max_position_embeddings: i64,
    /// Added to the variance in layer norms.
    pub layer_norm_eps: f64,
    /// Activation of feed-forward layers.
    pub hidden_act: Activation,
}

impl Default for TextConfig {
    /// transformers' defaults for absent keys, which are not SD 1.5's.
    fn default() -> Self {
        Self {
            vocab_size: 49408,
            hidden_size: 512,
            intermediate_size: 2048,
            num_hidden_layers: 12,
            num_attention_heads: 8,
            max_position_embeddings: 77,
            layer_norm_eps: 1e-5,
            hidden_act: Activation::QuickGelu,
        }
    }
}

impl TextConfig {
    /// CLIP ViT-L/14: 123,060,480 parameters.
    #[must_use]
    pub fn sd15() -> Self {
        Self { hidden_size: 768, intermediate_size: 3072, num_attention_heads: 12, ..Self::default() }
    }

    /// The miniature model's.
    #[must_use]
    pub fn mini() -> Self {
        Self {
            hidden_size: 64,
            intermediate_size: 256,
            num_hidden_layers: 4,
            num_attention_heads: 1,
            ..Self::default()
        }
    }

    /// What these networks can compute, and Stable Diffusion 1.x has.
    ///
    /// # Errors
    /// A sentence that names the key, its value and what is supported.
    pub fn check(&self) -> Result<(), String> {
        self.check_sizes()?;
        self.refuse_open_clip()
    }

    /// What these networks can compute, whatever model it belongs to.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn check_sizes(&self) -> Result<(), String> {
        check_size("vocab_size", self.vocab_size)?;
        check_size("hidden_size", self.hidden_size)?;
        check_size("intermediate_size", self.intermediate_size)?;
        check_count("num_hidden_layers", self.num_hidden_layers)?;
        check_count("num_attention_heads", self.num_attention_heads)?;
        check_size("max_position_embeddings", self.max_position_embeddings)?;
        if self.hidden_size % self.num_attention_heads != 0 {
            return Err(format!(
                "hidden_size {} is not a multiple of num_attention_heads {}",
                self.hidden_size, self.num_attention_heads
            ));
        }
        check_eps("layer_norm_eps", self.layer_norm_eps)
    }

    /// The text encoder of Stable Diffusion 2.x is OpenCLIP's ViT-H without its last layer. It reads prompts that are padded
    /// with another token than CLIP's, and would be given the wrong ones here. Its width alone is not enough to know it by,
    /// nor is its activation: a model of one's own may have either.
    fn refuse_open_clip(&self) -> Result<(), String> {
        let is_vit_h =
            self.hidden_size == 1024 && (self.hidden_act == Activation::Gelu || self.num_hidden_layers == 23);
        if is_vit_h {
            return Err(
                "it is the text encoder of a Stable Diffusion 2.x model (OpenCLIP, hidden_size 1024); only Stable \
                        Diffusion 1.x is supported"
                    .to_owned(),
            );
        }
        Ok(())
    }
}
