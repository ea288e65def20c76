//! What a stage trains on and how.

use engine::AdamWSettings;
use engine::tch::{Device, Kind};
use model::NoiseSchedule;
use protocol::Stage;

use crate::batches::Batches;
use crate::latents::LatentCache;
use crate::loss::LossRule;
use crate::noise::NoiseSource;

/// The original's optimizer settings, which are PyTorch's defaults. At learning rates below 3e-6 the weight decay is lost
/// in f32's rounding; it is kept for the higher ones.
pub const ADAMW: AdamWSettings = AdamWSettings { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.01 };

/// Gradients longer than this are scaled down to it; the norm is taken over all trained tensors together.
pub const CLIP_NORM: f64 = 1.0;

/// What a stage trains on and how. It does not change while the stage runs.
#[derive(Debug)]
pub struct StagePlan<'a> {
    /// Which stage, for messages.
    pub stage: Stage,
    /// Optimizer steps.
    pub steps: u64,
    /// How noise is added.
    pub schedule: &'a NoiseSchedule,
    /// The images.
    pub latents: &'a LatentCache,
    /// Their order.
    pub batches: Batches,
    /// The randomness.
    pub noise: &'a dyn NoiseSource,
    /// How much each item of a batch counts.
    pub loss: LossRule,
    /// Batches whose gradients make one step; at least 1. The loss of the step is the mean of theirs.
    pub accumulation: u64,
    /// Where the networks lie.
    pub device: Device,
    /// What the networks compute in. Masters, optimizer state and loss are always f32: at these learning rates an update is
    /// smaller than the spacing of bf16 around a typical weight.
    pub compute: Kind,
}
