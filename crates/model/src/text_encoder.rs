//! CLIP's text model: transformers' `CLIPTextModel`, the half of it that Stable Diffusion reads.

use engine::Segment;
use engine::tch::{Kind, Tensor};

use crate::config::{Activation, TextConfig};
use crate::error::{ModelError, Result};
use crate::layers::{Embedding, LayerNorm, Linear, Loader, NetworkTensors, activate, attention};

/// The text encoder. Names begin with `text_model.`
#[derive(Debug)]
pub struct TextEncoder {
    token_embedding: Embedding,
    position_embedding: Embedding,
    layers: Vec<Segment<EncoderLayer>>,
    /// Whether the backward pass computes layers again.
    recompute: bool,
    final_layer_norm: LayerNorm,
    tensors: NetworkTensors,
}

impl TextEncoder {
    /// Reads the weights; `loader` stands at the root of the text encoder.
    ///
    /// # Errors
    /// When `config` cannot be represented, or a tensor is absent, damaged or of another shape than it asks for.
    pub fn load(config: &TextConfig, loader: Loader<'_>) -> Result<Self> {
        let path = "text_encoder/config.json".into();
        config.check().map_err(|reason| ModelError::Config { path, reason })?;
        let root = loader.at("text_model");
        let embeddings = root.at("embeddings");
        let token_embedding =
            Embedding::load(&embeddings.at("token_embedding"), config.vocab_size, config.hidden_size)?;
        let position_embedding =
            Embedding::load(&embeddings.at("position_embedding"), config.max_position_embeddings, config.hidden_size)?;
        let layers = root.at("encoder.layers");
        let layers = (0..config.num_hidden_layers)
            .map(|index| Ok(Segment::new(EncoderLayer::load(config, &layers.at(index).adaptable())?)))
            .collect::<Result<_>>()?;
        let final_layer_norm =
            LayerNorm::load(&root.at("final_layer_norm"), config.hidden_size, config.layer_norm_eps)?;
        let (recompute, tensors) = (loader.recompute(), loader.into_tensors());
        Ok(Self { token_embedding, position_embedding, layers, recompute, final_layer_norm, tensors })
    }

    /// The context for the UNet.
    ///
    /// `ids`: `[batch, n]` i64, n up to 77, specials included. Answer: `[batch, n, hidden_size]` in the dtype
    /// `compute`, the last layer's output after the final layer norm. No padding mask, as in training SD.
    pub fn forward(&self, ids: &Tensor, compute: Kind) -> Tensor {
        self.forward_embedded(&self.embed_tokens(ids), 1, compute)
    }

    /// The token embeddings, `[batch, n]` i64 to `[batch, n, hidden_size]`: where textual inversion puts its vectors.
    pub fn embed_tokens(&self, ids: &Tensor) -> Tensor {
        self.token_embedding.forward(ids)
    }

    /// The context from token embeddings (without positions), stopping `clip_skip` − 1 layers before the end.
    ///
    /// `tokens`: `[batch, n, hidden_size]`. A `clip_skip` of 1 (or 0) uses all layers; one beyond their number uses
    /// none. The final layer norm is applied in every case.
    pub fn forward_embedded(&self, tokens: &Tensor, clip_skip: usize, compute: Kind) -> Tensor {
        let length = tokens.size()[1];
        let mut x = (tokens + self.position_embedding.first(length)).to_kind(compute);
        let used = self.layers.len().saturating_sub(clip_skip.saturating_sub(1));
        for layer in &self.layers[..used] {
            x = layer.forward(&[&x], self.recompute, |layer, inputs| layer.forward(&inputs[0]));
        }
        self.final_layer_norm.forward(&x)
    }

    /// The weights by their diffusers names, in order of construction.
    pub fn parameters(&self) -> &[(String, Tensor)] {
        &self.tensors.parameters
    }

    /// The adapter's tensors, f32, by kohya's names such as `lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight`
    /// and `….lora_up.weight`; empty without an adapter.
    pub fn adapter(&self) -> &[(String, Tensor)] {
        &self.tensors.adapter
    }
}

/// Causal self-attention and a feed-forward layer, each normalised before and added to the residual stream.
#[derive(Debug)]
struct EncoderLayer {
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    out_proj: Linear,
    layer_norm1: LayerNorm,
    fc1: Linear,
    fc2: Linear,
    layer_norm2: LayerNorm,
    heads: i64,
    activation: Activation,
}

impl EncoderLayer {
    fn load(config: &TextConfig, loader: &Loader<'_>) -> Result<Self> {
        let (hidden, inner, eps) = (config.hidden_size, config.intermediate_size, config.layer_norm_eps);
        let self_attn = loader.at("self_attn");
        let mlp = loader.at("mlp");
        Ok(Self {
            k_proj: Linear::load(&self_attn.at("k_proj"), hidden, hidden)?,
            v_proj: Linear::load(&self_attn.at("v_proj"), hidden, hidden)?,
            q_proj: Linear::load(&self_attn.at("q_proj"), hidden, hidden)?,
            out_proj: Linear::load(&self_attn.at("out_proj"), hidden, hidden)?,
            layer_norm1: LayerNorm::load(&loader.at("layer_norm1"), hidden, eps)?,
            fc1: Linear::load(&mlp.at("fc1"), hidden, inner)?,
            fc2: Linear::load(&mlp.at("fc2"), inner, hidden)?,
            layer_norm2: LayerNorm::load(&loader.at("layer_norm2"), hidden, eps)?,
            heads: config.num_attention_heads,
            activation: config.hidden_act,
        })
    }

    /// `[batch, n, hidden]` to the same.
    fn forward(&self, x: &Tensor) -> Tensor {
        let normed = self.layer_norm1.forward(x);
        let (query, key) = (self.q_proj.forward(&normed), self.k_proj.forward(&normed));
        let mixed = attention(&query, &key, &self.v_proj.forward(&normed), self.heads, true);
        let x = x + self.out_proj.forward(&mixed);
        let inner = activate(&self.fc1.forward(&self.layer_norm2.forward(&x)), self.activation);
        x + self.fc2.forward(&inner)
    }
}
