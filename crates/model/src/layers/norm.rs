//! Normalisation of activations.
//!
//! Statistics are f32 inside libtorch's kernels in every case. Where scale and shift are f32 and activations are not, all is
//! computed in f32 and rounded once, at the end, as under torch's autocast.

use engine::tch::{Device, Kind, Tensor};

use super::{Loader, cast};
use crate::error::Result;

/// Scale and shift of a norm.
#[derive(Debug)]
struct Affine {
    weight: Tensor,
    bias: Tensor,
}

impl Affine {
    fn load(loader: &Loader<'_>, size: i64) -> Result<Self> {
        Ok(Self { weight: loader.norm_tensor("weight", &[size])?, bias: loader.norm_tensor("bias", &[size])? })
    }

    /// `norm` of the input, the scale and the shift, in the larger dtype of the two.
    fn apply(&self, x: &Tensor, norm: impl Fn(&Tensor, &Tensor, &Tensor) -> Tensor) -> Tensor {
        if self.is_finer_than(x) {
            norm(&x.to_kind(Kind::Float), &self.weight, &self.bias).to_kind(x.kind())
        } else {
            norm(x, &cast(&self.weight, x), &cast(&self.bias, x))
        }
    }

    fn is_finer_than(&self, x: &Tensor) -> bool {
        self.weight.kind() == Kind::Float && matches!(x.kind(), Kind::BFloat16 | Kind::Half)
    }
}

/// Group normalisation (Wu and He, 2018) with scale and shift.
#[derive(Debug)]
pub struct GroupNorm {
    affine: Affine,
    groups: i64,
    eps: f64,
}

impl GroupNorm {
    /// Over `channels` in `groups`.
    ///
    /// # Errors
    /// As [`Loader::tensor`].
    pub fn load(loader: &Loader<'_>, channels: i64, groups: i64, eps: f64) -> Result<Self> {
        Ok(Self { affine: Affine::load(loader, channels)?, groups, eps })
    }

    /// `[batch, channels, height, width]`, normalised.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let norm = |x: &Tensor, weight: &Tensor, bias: &Tensor| {
            x.group_norm(self.groups, Some(weight), Some(bias), self.eps, true)
        };
        if x.device() == Device::Cpu && self.affine.is_finer_than(x) {
            // This kernel for the CPU reads bf16 beside an f32 scale and computes in f32. That of layer norm seems to do so as
            // well, but gathers the gradients of scale and shift in bf16: 3 % wrong over 2048 vectors.
            return norm(x, &self.affine.weight, &self.affine.bias);
        }
        self.affine.apply(x, norm)
    }

    /// SiLU of the normalised input, which is how every convolution of these networks is fed.
    pub fn forward_silu(&self, x: &Tensor) -> Tensor {
        self.forward(x).silu()
    }
}

/// Normalisation over the last dimension with scale and shift (Ba et al., 2016).
#[derive(Debug)]
pub struct LayerNorm {
    affine: Affine,
    size: i64,
    eps: f64,
}

impl LayerNorm {
    /// Over vectors of `size`.
    ///
    /// # Errors
    /// As [`Loader::tensor`].
    pub fn load(loader: &Loader<'_>, size: i64, eps: f64) -> Result<Self> {
        Ok(Self { affine: Affine::load(loader, size)?, size, eps })
    }

    /// `[.., size]`, normalised.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        self.affine.apply(x, |x, weight, bias| x.layer_norm([self.size], Some(weight), Some(bias), self.eps, true))
    }
}
