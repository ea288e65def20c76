//! Tables that numbers look up.

use engine::tch::Tensor;

use super::Loader;
use crate::error::Result;

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
        Ok(Self { weight: loader.norm_tensor("weight", &[count, size])? })
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
