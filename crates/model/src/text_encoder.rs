//! CLIP's text model: transformers' `CLIPTextModel`, the half of it that Stable Diffusion reads.

use engine::Segment;
use engine::tch::{Kind, Tensor};

use crate::config::TextConfig;
use crate::error::{ModelError, Result};
use crate::layers::{Embedding, EncoderLayer, EncoderLayerConfig, LayerNames, LayerNorm, Loader, NetworkTensors};

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
        config.check_sizes().map_err(|reason| ModelError::Config { path, reason })?;
        let root = loader.at("text_model");
        let embeddings = root.at("embeddings");
        let token_embedding =
            Embedding::load(&embeddings.at("token_embedding"), config.vocab_size, config.hidden_size)?;
        let position_embedding =
            Embedding::load(&embeddings.at("position_embedding"), config.max_position_embeddings, config.hidden_size)?;
        let layers = root.at("encoder.layers");
        let layers = (0..config.num_hidden_layers)
            .map(|index| {
                let layer = layers.at(index).adaptable();
                Ok(Segment::new(EncoderLayer::load(&layer_config(config), LayerNames::CLIP, &layer)?))
            })
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
            x = layer.forward(&[&x], self.recompute, |layer, inputs| layer.forward(&inputs[0], true));
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

fn layer_config(config: &TextConfig) -> EncoderLayerConfig {
    EncoderLayerConfig {
        hidden_size: config.hidden_size,
        intermediate_size: config.intermediate_size,
        num_attention_heads: config.num_attention_heads,
        layer_norm_eps: config.layer_norm_eps,
        hidden_act: config.hidden_act,
    }
}
