//! The layer of CLIP's two towers and of vision transformers.

use engine::tch::Tensor;

use super::{LayerNorm, Linear, Loader, activate, attention};
use crate::config::Activation;
use crate::error::Result;

/// Sizes of a layer, by the keys of transformers' configurations.
#[derive(Debug, Clone, PartialEq)]
pub struct EncoderLayerConfig {
    /// Width of the residual stream.
    pub hidden_size: i64,
    /// Width inside the feed-forward layer.
    pub intermediate_size: i64,
    /// Attention heads; they share `hidden_size` evenly.
    pub num_attention_heads: i64,
    /// Added to the variance in layer norms.
    pub layer_norm_eps: f64,
    /// Activation of the feed-forward layer.
    pub hidden_act: Activation,
}

/// What the parts of a layer are called.
#[derive(Debug, Clone, Copy)]
pub struct LayerNames {
    key: &'static str,
    value: &'static str,
    query: &'static str,
    out: &'static str,
    norm_before_attention: &'static str,
    widening: &'static str,
    narrowing: &'static str,
    norm_before_widening: &'static str,
}

impl LayerNames {
    /// In transformers' `CLIPEncoderLayer`.
    pub const CLIP: Self = Self {
        key: "self_attn.k_proj",
        value: "self_attn.v_proj",
        query: "self_attn.q_proj",
        out: "self_attn.out_proj",
        norm_before_attention: "layer_norm1",
        widening: "mlp.fc1",
        narrowing: "mlp.fc2",
        norm_before_widening: "layer_norm2",
    };
    /// In transformers' `ViTLayer`.
    pub const VIT: Self = Self {
        key: "attention.attention.key",
        value: "attention.attention.value",
        query: "attention.attention.query",
        out: "attention.output.dense",
        norm_before_attention: "layernorm_before",
        widening: "intermediate.dense",
        narrowing: "output.dense",
        norm_before_widening: "layernorm_after",
    };
}

/// Self-attention and a feed-forward layer, each normalised before and added to the residual stream.
#[derive(Debug)]
pub struct EncoderLayer {
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    out_proj: Linear,
    norm_before_attention: LayerNorm,
    widening: Linear,
    narrowing: Linear,
    norm_before_widening: LayerNorm,
    heads: i64,
    activation: Activation,
}

impl EncoderLayer {
    /// Reads the weights; `loader` stands at the layer.
    ///
    /// # Errors
    /// As [`Loader::tensor`].
    pub fn load(config: &EncoderLayerConfig, names: LayerNames, loader: &Loader<'_>) -> Result<Self> {
        let (hidden, inner, eps) = (config.hidden_size, config.intermediate_size, config.layer_norm_eps);
        let projection = |name| Linear::load(&loader.at(name), hidden, hidden);
        Ok(Self {
            k_proj: projection(names.key)?,
            v_proj: projection(names.value)?,
            q_proj: projection(names.query)?,
            out_proj: projection(names.out)?,
            norm_before_attention: LayerNorm::load(&loader.at(names.norm_before_attention), hidden, eps)?,
            widening: Linear::load(&loader.at(names.widening), hidden, inner)?,
            narrowing: Linear::load(&loader.at(names.narrowing), inner, hidden)?,
            norm_before_widening: LayerNorm::load(&loader.at(names.norm_before_widening), hidden, eps)?,
            heads: config.num_attention_heads,
            activation: config.hidden_act,
        })
    }

    /// `[batch, n, hidden]` to the same. If `is_causal`, a token sees only those before it.
    pub fn forward(&self, x: &Tensor, is_causal: bool) -> Tensor {
        let normed = self.norm_before_attention.forward(x);
        let (query, key) = (self.q_proj.forward(&normed), self.k_proj.forward(&normed));
        let mixed = attention(&query, &key, &self.v_proj.forward(&normed), self.heads, is_causal);
        let x = x + self.out_proj.forward(&mixed);
        let inner = activate(&self.widening.forward(&self.norm_before_widening.forward(&x)), self.activation);
        x + self.narrowing.forward(&inner)
    }
}
