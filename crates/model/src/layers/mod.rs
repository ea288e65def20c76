//! How a network part finds its weights, and the layers that all parts share.
//!
//! A layer computes in the dtype of its input: weights are cast on use (`cast`), which does nothing when the dtypes
//! are equal. So f32 master weights with bf16 activations train as under torch's autocast, gradients arriving in f32.
//! Norms keep their statistics, and attention its softmax, in f32 inside libtorch's kernels.
//!
//! # Panics
//! Forward passes panic when libtorch refuses an operation, which leaves shapes of the caller's making and memory.

mod loader;

use engine::tch::Tensor;

pub use loader::{Loader, NamedTensors, count_parameters};

use crate::config::Activation;
use crate::error::Result;

/// `weight` in the dtype of `x`; the same tensor when the dtypes are equal.
fn cast(weight: &Tensor, x: &Tensor) -> Tensor {
    weight.to_kind(x.kind())
}

fn cast_bias(bias: Option<&Tensor>, x: &Tensor) -> Option<Tensor> {
    bias.map(|bias| cast(bias, x))
}

/// y = x·Wᵀ + b over the last dimension.
#[derive(Debug)]
pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    /// With a bias.
    ///
    /// # Errors
    /// As [`Loader::tensor`].
    pub fn load(loader: &Loader<'_>, inputs: i64, outputs: i64) -> Result<Self> {
        let weight = loader.tensor("weight", &[outputs, inputs])?;
        Ok(Self { weight, bias: Some(loader.tensor("bias", &[outputs])?) })
    }

    /// Without a bias.
    ///
    /// # Errors
    /// As [`Loader::tensor`].
    pub fn load_without_bias(loader: &Loader<'_>, inputs: i64, outputs: i64) -> Result<Self> {
        Ok(Self { weight: loader.tensor("weight", &[outputs, inputs])?, bias: None })
    }

    /// Weights that are stored as a 1×1 convolution, used on the last dimension.
    ///
    /// # Errors
    /// As [`Loader::tensor`].
    pub fn load_1x1_conv(loader: &Loader<'_>, inputs: i64, outputs: i64) -> Result<Self> {
        let weight = loader.tensor("weight", &[outputs, inputs, 1, 1])?;
        Ok(Self { weight, bias: Some(loader.tensor("bias", &[outputs])?) })
    }

    /// `[.., inputs]` to `[.., outputs]`.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        // A 1×1 convolution's [outputs, inputs, 1, 1] becomes a matrix; a view, so gradients reach the stored shape.
        let weight = cast(&self.weight.flatten(1, -1), x);
        x.linear(&weight, cast_bias(self.bias.as_ref(), x))
    }
}

/// A 2-D convolution with bias.
#[derive(Debug)]
pub struct Conv2d {
    weight: Tensor,
    bias: Tensor,
    stride: i64,
    padding: i64,
}

impl Conv2d {
    /// A square kernel of this size, stride and zero padding.
    ///
    /// # Errors
    /// As [`Loader::tensor`].
    pub fn load(
        loader: &Loader<'_>,
        inputs: i64,
        outputs: i64,
        kernel: i64,
        stride: i64,
        padding: i64,
    ) -> Result<Self> {
        let weight = loader.tensor("weight", &[outputs, inputs, kernel, kernel])?;
        Ok(Self { weight, bias: loader.tensor("bias", &[outputs])?, stride, padding })
    }

    /// 3×3, keeping the size.
    ///
    /// # Errors
    /// As [`Loader::tensor`].
    pub fn load_3x3(loader: &Loader<'_>, inputs: i64, outputs: i64) -> Result<Self> {
        Self::load(loader, inputs, outputs, 3, 1, 1)
    }

    /// 1×1.
    ///
    /// # Errors
    /// As [`Loader::tensor`].
    pub fn load_1x1(loader: &Loader<'_>, inputs: i64, outputs: i64) -> Result<Self> {
        Self::load(loader, inputs, outputs, 1, 1, 0)
    }

    /// `[batch, inputs, height, width]` to `[batch, outputs, height', width']`.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let (stride, padding) = ([self.stride; 2], [self.padding; 2]);
        x.conv2d(&cast(&self.weight, x), Some(cast(&self.bias, x)), stride, padding, [1, 1], 1)
    }
}

/// Group normalisation with scale and shift.
#[derive(Debug)]
pub struct GroupNorm {
    weight: Tensor,
    bias: Tensor,
    groups: i64,
    eps: f64,
}

impl GroupNorm {
    /// Over `channels` in `groups`.
    ///
    /// # Errors
    /// As [`Loader::tensor`].
    pub fn load(loader: &Loader<'_>, channels: i64, groups: i64, eps: f64) -> Result<Self> {
        let weight = loader.tensor("weight", &[channels])?;
        Ok(Self { weight, bias: loader.tensor("bias", &[channels])?, groups, eps })
    }

    /// `[batch, channels, height, width]`, normalised.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        x.group_norm(self.groups, Some(cast(&self.weight, x)), Some(cast(&self.bias, x)), self.eps, true)
    }

    /// SiLU of the normalised input, which is how every convolution of these networks is fed.
    pub fn forward_silu(&self, x: &Tensor) -> Tensor {
        self.forward(x).silu()
    }
}

/// Normalisation over the last dimension with scale and shift.
#[derive(Debug)]
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    eps: f64,
}

impl LayerNorm {
    /// Over vectors of `size`.
    ///
    /// # Errors
    /// As [`Loader::tensor`].
    pub fn load(loader: &Loader<'_>, size: i64, eps: f64) -> Result<Self> {
        Ok(Self { weight: loader.tensor("weight", &[size])?, bias: loader.tensor("bias", &[size])?, eps })
    }

    /// `[.., size]`, normalised.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        x.layer_norm(self.weight.size(), Some(cast(&self.weight, x)), Some(cast(&self.bias, x)), self.eps, true)
    }
}

/// Rows of a table by number.
#[derive(Debug)]
pub struct Embedding {
    weight: Tensor,
}

impl Embedding {
    /// A table of `count` rows of `size`.
    ///
    /// # Errors
    /// As [`Loader::tensor`].
    pub fn load(loader: &Loader<'_>, count: i64, size: i64) -> Result<Self> {
        Ok(Self { weight: loader.tensor("weight", &[count, size])? })
    }

    /// `[.., n]` numbers (i64) to `[.., n, size]` rows, in the table's dtype.
    pub fn forward(&self, ids: &Tensor) -> Tensor {
        Tensor::embedding(&self.weight, ids, -1, false, false)
    }

    /// The first `count` rows, `[count, size]`.
    pub fn first(&self, count: i64) -> Tensor {
        self.weight.narrow(0, 0, count)
    }
}

/// Scaled dot-product attention of `heads` heads over already projected queries, keys and values.
///
/// `[batch, n, heads · size]` and twice `[batch, m, heads · size]` to `[batch, n, heads · size]`.
pub fn attention(query: &Tensor, key: &Tensor, value: &Tensor, heads: i64, is_causal: bool) -> Tensor {
    let split = |x: &Tensor| x.unflatten(-1, [heads, -1]).transpose(1, 2);
    let mixed = Tensor::scaled_dot_product_attention(
        &split(query),
        &split(key),
        &split(value),
        None::<Tensor>,
        0.0,
        is_causal,
        None,
        false,
    );
    mixed.transpose(1, 2).flatten(2, 3)
}

/// The activation of the text encoder's feed-forward layers.
pub fn activate(x: &Tensor, activation: Activation) -> Tensor {
    match activation {
        // "Quick" GELU: x · sigmoid(1.702 x), what the original CLIP was trained with.
        Activation::QuickGelu => x * (x * 1.702).sigmoid(),
        Activation::Gelu => x.gelu("none"),
    }
}
