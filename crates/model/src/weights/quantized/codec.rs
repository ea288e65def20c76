//! One tensor to int8 and back.

use engine::tch::{Kind, Tensor};

use crate::error::Result;

/// The greatest int8; its negative is used, -128 is not.
const GREATEST: f64 = 127.0;

/// A tensor in 8 bits.
#[derive(Debug)]
pub(super) struct Quantized {
    /// `[outputs, …]`, int8.
    pub(super) values: Tensor,
    /// `[outputs]`, bf16: of f32's range, and half as long. What a scale is rounded by is no error of the weights, because they
    /// are rounded to its multiples.
    pub(super) scales: Tensor,
}

impl Quantized {
    /// `weights`: `[outputs, …]`, finite.
    pub(super) fn of(weights: &Tensor) -> Result<Self> {
        let weights = weights.f_to_kind(Kind::Float)?;
        let channels = weights.f_flatten(1, -1)?;
        let largest = channels.f_abs()?.f_amax([1i64].as_slice(), false)?;
        // A channel of zeros stays one.
        let scales =
            largest.f_div_scalar(GREATEST)?.f_clamp_min(f64::from(f32::MIN_POSITIVE))?.f_to_kind(Kind::BFloat16)?;
        let steps = channels.f_div(&column(&scales)?)?.f_round()?;
        // A scale that was rounded down makes the largest weight 127.5 steps at most.
        let values = steps.f_clamp(-GREATEST, GREATEST)?.f_to_kind(Kind::Int8)?;
        Ok(Self { values: values.f_reshape(weights.size())?, scales })
    }

    /// The weights, fp16.
    pub(super) fn expand(&self) -> Result<Tensor> {
        let channels = self.values.f_flatten(1, -1)?.f_to_kind(Kind::Float)?;
        let weights = channels.f_mul(&column(&self.scales)?)?.f_to_kind(Kind::Half)?;
        Ok(weights.f_reshape(self.values.size())?)
    }
}

/// `[outputs, 1]`, f32.
fn column(scales: &Tensor) -> Result<Tensor> {
    Ok(scales.f_to_kind(Kind::Float)?.f_unsqueeze(1)?)
}
