//! How a network part finds its weights, and the layers that all parts share.
//!
//! A layer computes in the dtype of its input: weights are cast on use (`cast`), which does nothing when the dtypes
//! are equal. So f32 master weights with bf16 activations train as under torch's autocast, gradients arriving in f32.
//! Norms keep their statistics, and attention its softmax, in f32 inside libtorch's kernels.
//!
//! # Panics
//! Forward passes panic when libtorch refuses an operation, which leaves shapes of the caller's making and memory.

mod attention;
mod conv;
mod embedding;
mod encoder_layer;
mod linear;
mod loader;
mod low_rank;
mod norm;

use engine::tch::Tensor;

pub use attention::attention;
pub use conv::Conv2d;
pub use embedding::Embedding;
pub use encoder_layer::{EncoderLayer, EncoderLayerConfig, LayerNames};
pub use linear::Linear;
pub use loader::{Loader, NamedTensors, NetworkTensors, count_parameters};
pub use norm::{GroupNorm, LayerNorm};

use crate::config::Activation;

/// `weight` in the dtype of `x`; the same tensor when the dtypes are equal.
fn cast(weight: &Tensor, x: &Tensor) -> Tensor {
    weight.to_kind(x.kind())
}

fn cast_bias(bias: Option<&Tensor>, x: &Tensor) -> Option<Tensor> {
    bias.map(|bias| cast(bias, x))
}

/// The activation of the feed-forward layers of CLIP and of vision transformers.
pub fn activate(x: &Tensor, activation: Activation) -> Tensor {
    match activation {
        // "Quick" GELU: x · sigmoid(1.702 x), what the original CLIP was trained with.
        Activation::QuickGelu => x * (x * 1.702).sigmoid(),
        Activation::Gelu => x.gelu("none"),
    }
}
