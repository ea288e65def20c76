//! How a network is loaded: in which dtypes, whether its layers are computed again, and with which adapter.

use engine::tch::Kind;

/// In which dtypes weights are loaded: what sums run over may stay f32 while the rest is bf16.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dtypes {
    /// Of linear layers and convolutions.
    pub weights: Kind,
    /// Of norms' scale and shift, and of embedding tables, whose rows gather the gradients of every token that reads them.
    /// Where it is f32, norms compute in f32 whatever the dtype of activations.
    pub norms: Kind,
}

impl Dtypes {
    /// Everything in `kind`.
    #[must_use]
    pub fn all(kind: Kind) -> Self {
        Self { weights: kind, norms: kind }
    }

    /// bf16 weights with f32 norms.
    #[must_use]
    pub fn mixed_bf16() -> Self {
        Self { weights: Kind::BFloat16, norms: Kind::Float }
    }
}

/// Low-rank adaptation (Hu et al., "LoRA", 2021): the weights stay as they are, and each of attention's and feed-forward's
/// projections has a product of two small matrices added, which are trained.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LoraSettings {
    /// The inner side of the two matrices, at least 1.
    pub rank: i64,
    /// The product is multiplied by alpha / rank.
    pub alpha: f64,
    /// The first matrix is drawn from it and from the layer's name, the second begins as zeros.
    pub seed: u64,
}

/// How a network is loaded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LoadOptions {
    /// The dtypes of weights; an adapter is f32.
    pub dtypes: Dtypes,
    /// Gradient checkpointing: one layer of a block at a time is computed again in the backward pass.
    pub recompute: bool,
    /// Trained beside weights that stay as they are.
    pub adapter: Option<LoraSettings>,
}

impl LoadOptions {
    /// Everything in `kind`, nothing computed again, no adapter.
    #[must_use]
    pub fn all(kind: Kind) -> Self {
        Self { dtypes: Dtypes::all(kind), recompute: false, adapter: None }
    }
}
