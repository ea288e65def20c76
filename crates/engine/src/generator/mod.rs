//! Normal numbers from a seed, the same on every machine.
//!
//! libtorch's own generators are global state and differ between devices; these are values, and always run on the CPU.

mod mt19937;
mod philox;

pub use mt19937::Mt19937;
pub use philox::Philox;

use tch::Tensor;

/// A stream of standard normal tensors.
pub trait Generator {
    /// The next tensor of the stream: f32 on the CPU, of this shape.
    fn normal(&mut self, shape: &[i64]) -> Tensor;

    /// Passes over the tensor that [`Generator::normal`] would give for this shape, without computing it.
    fn skip(&mut self, shape: &[i64]);
}

/// Puts `numbers`, in row-major order, into a tensor.
fn shaped(numbers: &[f32], shape: &[i64]) -> Tensor {
    Tensor::from_slice(numbers).view(shape)
}

/// How many numbers a tensor of this shape holds; 0 for a shape with a negative side.
fn element_count(shape: &[i64]) -> usize {
    usize::try_from(shape.iter().product::<i64>()).unwrap_or(0)
}
