//! The vision transformer (Dosovitskiy et al., 2021): a picture's patches as a row of vectors, and one before them that gathers
//! what the whole picture is.

use engine::tch::Tensor;

use super::config::VisionConfig;
use crate::error::Result;
use crate::layers::{EncoderLayer, LayerNames, LayerNorm, Loader};

/// What CLIP and ViT call the parts of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct TransformerNames {
    class: &'static str,
    patches: &'static str,
    patches_have_bias: bool,
    positions: &'static str,
    /// Whether class vector and positions are stored as for a batch of one.
    is_batched: bool,
    /// A norm before the first layer.
    first_norm: Option<&'static str>,
    layers: &'static str,
    layer: LayerNames,
    last_norm: &'static str,
}

impl TransformerNames {
    pub(super) const CLIP: Self = Self {
        class: "embeddings.class_embedding",
        patches: "embeddings.patch_embedding",
        patches_have_bias: false,
        positions: "embeddings.position_embedding.weight",
        is_batched: false,
        // The misspelling is the original's.
        first_norm: Some("pre_layrnorm"),
        layers: "encoder.layers",
        layer: LayerNames::CLIP,
        last_norm: "post_layernorm",
    };
    pub(super) const VIT: Self = Self {
        class: "embeddings.cls_token",
        patches: "embeddings.patch_embeddings.projection",
        patches_have_bias: true,
        positions: "embeddings.position_embeddings",
        is_batched: true,
        first_norm: None,
        layers: "encoder.layer",
        layer: LayerNames::VIT,
        last_norm: "layernorm",
    };
}

/// The network.
#[derive(Debug)]
pub(super) struct VisionTransformer {
    class: Tensor,
    patches: Tensor,
    patches_bias: Option<Tensor>,
    positions: Tensor,
    first_norm: Option<LayerNorm>,
    layers: Vec<EncoderLayer>,
    last_norm: LayerNorm,
    patch_size: i64,
}

impl VisionTransformer {
    /// Reads the weights; `loader` stands at the root of the network.
    pub(super) fn load(config: &VisionConfig, names: TransformerNames, loader: &Loader<'_>) -> Result<Self> {
        let (hidden, eps, patch) = (config.layer.hidden_size, config.layer.layer_norm_eps, config.patch_size);
        let patches = loader.at(names.patches);
        let (class_shape, position_shape) = ([1, 1, hidden], [1, config.positions(), hidden]);
        let (of_class, of_positions) = if names.is_batched {
            (&class_shape[..], &position_shape[..])
        } else {
            (&class_shape[2..], &position_shape[1..])
        };
        let layers = loader.at(names.layers);
        let layer = |index| EncoderLayer::load(&config.layer, names.layer, &layers.at(index));
        Ok(Self {
            class: loader.tensor(names.class, of_class)?.f_reshape(class_shape)?,
            patches: patches.tensor("weight", &[hidden, 3, patch, patch])?,
            patches_bias: names.patches_have_bias.then(|| patches.tensor("bias", &[hidden])).transpose()?,
            positions: loader.tensor(names.positions, of_positions)?.f_reshape(position_shape)?,
            first_norm: names.first_norm.map(|name| LayerNorm::load(&loader.at(name), hidden, eps)).transpose()?,
            layers: (0..config.num_hidden_layers).map(layer).collect::<Result<_>>()?,
            last_norm: LayerNorm::load(&loader.at(names.last_norm), hidden, eps)?,
            patch_size: patch,
        })
    }

    /// `[batch, 3, side, side]` f32 to the vectors of the whole pictures, `[batch, hidden]`, after the last norm.
    pub(super) fn forward(&self, pixels: &Tensor) -> Tensor {
        let stride = [self.patch_size; 2];
        let patches = pixels.conv2d(&self.patches, self.patches_bias.as_ref(), stride, [0, 0], [1, 1], 1);
        let patches = patches.flatten(2, 3).transpose(1, 2);
        let class = self.class.expand([patches.size()[0], -1, -1], false);
        let mut x = Tensor::cat(&[class, patches], 1) + &self.positions;
        if let Some(norm) = &self.first_norm {
            x = norm.forward(&x);
        }
        for layer in &self.layers {
            x = layer.forward(&x, false);
        }
        self.last_norm.forward(&x.select(1, 0))
    }
}
