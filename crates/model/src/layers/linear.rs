//! y = x·Wᵀ + b.

use engine::tch::Tensor;

use super::low_rank::LowRank;
use super::{Loader, cast, cast_bias};
use crate::error::Result;

/// y = x·Wᵀ + b over the last dimension, plus what an adapter adds.
#[derive(Debug)]
pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
    adapter: Option<LowRank>,
}

impl Linear {
    /// With a bias.
    ///
    /// # Errors
    /// As [`Loader::tensor`].
    pub fn load(loader: &Loader<'_>, inputs: i64, outputs: i64) -> Result<Self> {
        Self::load_shaped(loader, &[outputs, inputs], true)
    }

    /// Without a bias.
    ///
    /// # Errors
    /// As [`Loader::tensor`].
    pub fn load_without_bias(loader: &Loader<'_>, inputs: i64, outputs: i64) -> Result<Self> {
        Self::load_shaped(loader, &[outputs, inputs], false)
    }

    /// Weights that are stored as a 1×1 convolution, used on the last dimension.
    ///
    /// # Errors
    /// As [`Loader::tensor`].
    pub fn load_1x1_conv(loader: &Loader<'_>, inputs: i64, outputs: i64) -> Result<Self> {
        Self::load_shaped(loader, &[outputs, inputs, 1, 1], true)
    }

    fn load_shaped(loader: &Loader<'_>, shape: &[i64], biased: bool) -> Result<Self> {
        let weight = loader.tensor("weight", shape)?;
        let bias = if biased { Some(loader.tensor("bias", &shape[..1])?) } else { None };
        Ok(Self { weight, bias, adapter: loader.adapter(shape)? })
    }

    /// `[.., inputs]` to `[.., outputs]`.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        // A 1×1 convolution's [outputs, inputs, 1, 1] becomes a matrix; a view, so gradients reach the stored shape.
        let weight = cast(&self.weight.flatten(1, -1), x);
        let y = x.linear(&weight, cast_bias(self.bias.as_ref(), x));
        match &self.adapter {
            Some(adapter) => y + adapter.forward(x),
            None => y,
        }
    }
}
