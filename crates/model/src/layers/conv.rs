//! Two-dimensional convolutions.

use engine::tch::{Device, Kind, Tensor};

use super::{Loader, cast, cast_bias};
use crate::error::Result;

/// A 2-D convolution.
#[derive(Debug)]
pub struct Conv2d {
    weight: Tensor,
    bias: Option<Tensor>,
    /// Of the weight: `[outputs, inputs, kernel, kernel]`.
    size: [i64; 4],
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
        let unbiased = Self::load_without_bias(loader, inputs, outputs, kernel, stride, padding)?;
        Ok(Self { bias: Some(loader.tensor("bias", &[outputs])?), ..unbiased })
    }

    /// As [`Self::load`], but nothing is added in the end.
    ///
    /// # Errors
    /// As [`Loader::tensor`].
    pub fn load_without_bias(
        loader: &Loader<'_>,
        inputs: i64,
        outputs: i64,
        kernel: i64,
        stride: i64,
        padding: i64,
    ) -> Result<Self> {
        let size = [outputs, inputs, kernel, kernel];
        Ok(Self { weight: loader.tensor("weight", &size)?, bias: None, size, stride, padding })
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
        let (weight, bias) = (cast(&self.weight, x), cast_bias(self.bias.as_ref(), x));
        let answer = self.answer_size(x);
        if self.is_dominated_by_weights(x, answer) {
            return self.forward_as_matrix_product(x, answer, &weight, bias.as_ref());
        }
        let (stride, padding) = ([self.stride; 2], [self.padding; 2]);
        x.conv2d(&weight, bias, stride, padding, [1, 1], 1)
    }

    /// Whether the map is so small that moving weights is what a convolution's time goes to.
    ///
    /// For the CPU, oneDNN brings the weights into an order of its own in the forward pass and twice in the backward pass,
    /// however small the map is. A matrix product takes them as they lie, and moves every input for each place of the kernel
    /// instead: inputs · kernel² · positions numbers, against inputs · kernel² · outputs of the weights. Measured on SD 1.5's
    /// shapes (AVX-512, AMX), forward and backward together: at 1280 outputs 1.8 times as fast in f32 on 8×8 maps and 1.4
    /// on 16×16, and no faster at 2.5 outputs a position; in bf16, whose backward pass oneDNN computes slowly, 4 and 1.9 times.
    fn is_dominated_by_weights(&self, x: &Tensor, [batch, outputs, height, width]: [i64; 4]) -> bool {
        let outputs_per_position = match x.kind() {
            Kind::Float => 4,
            Kind::BFloat16 => 2,
            _ => return false,
        };
        x.device() == Device::Cpu && outputs >= outputs_per_position * batch * height * width
    }

    /// The same convolution: each position's window as a row (im2col), times the weights.
    fn forward_as_matrix_product(
        &self,
        x: &Tensor,
        answer: [i64; 4],
        weight: &Tensor,
        bias: Option<&Tensor>,
    ) -> Tensor {
        let [batch, outputs, height, width] = answer;
        let kernel = self.size[3];
        // [batch, inputs · kernel², positions] to [batch · positions, inputs · kernel²]
        // In f32, because the backward pass adds up what overlaps; the product itself is of x's dtype.
        let wide = x.to_kind(Kind::Float);
        let windows = wide.im2col([kernel; 2], [1, 1], [self.padding; 2], [self.stride; 2]).to_kind(x.kind());
        let rows = windows.transpose(1, 2).flatten(0, 1).linear(&weight.flatten(1, -1), bias);
        let map = rows.view([batch, height * width, outputs]).transpose(1, 2);
        map.contiguous().view([batch, outputs, height, width])
    }

    fn answer_size(&self, x: &Tensor) -> [i64; 4] {
        let sides = x.size();
        let (batch, height, width) = (sides[0], sides[2], sides[3]);
        let [outputs, _, kernel, _] = self.size;
        let side = |length: i64| (length + 2 * self.padding - kernel) / self.stride + 1;
        [batch, outputs, side(height), side(width)]
    }
}
