//! Learning-rate schedules: diffusers' formulas with the original endpoint's warm-up of 0, spec section 3.7.

use std::f64::consts::PI;

use protocol::LrScheduler;

use crate::error::{Result, TrainingError};

/// Where the polynomial schedule ends; diffusers' `lr_end`.
pub const POLYNOMIAL_END: f64 = 1e-7;

/// A base learning rate and how it changes over a stage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LearningRate {
    /// The rate of the first step.
    pub base: f64,
    /// How it goes on.
    pub scheduler: LrScheduler,
}

impl LearningRate {
    /// Checks that the schedule can start from `base`; `field` is the request field that holds it.
    ///
    /// # Errors
    /// When the schedule is polynomial and `base` is not above its end.
    pub fn check(&self, field: &'static str) -> Result<()> {
        if self.scheduler == LrScheduler::Polynomial && self.base <= POLYNOMIAL_END {
            return Err(TrainingError::LearningRate { field, learning_rate: self.base, end: POLYNOMIAL_END });
        }
        Ok(())
    }

    /// The rate of `step` (from 0) of `total`.
    pub fn at(&self, step: u64, total: u64) -> f64 {
        self.base * multiplier(self.scheduler, step, total, self.base)
    }
}

/// What `learning_rate` is multiplied with at `step` (from 0) of `total`. The first step has 1.
///
/// `cosine_with_restarts` has one cycle, so it is `cosine`; `constant_with_warmup` has no warm-up, so it is `constant`.
pub fn multiplier(scheduler: LrScheduler, step: u64, total: u64, learning_rate: f64) -> f64 {
    let done = if total == 0 { 1.0 } else { (step as f64 / total as f64).min(1.0) };
    match scheduler {
        LrScheduler::Linear => 1.0 - done,
        LrScheduler::Cosine | LrScheduler::CosineWithRestarts => 0.5 * (1.0 + (PI * done).cos()),
        LrScheduler::Polynomial => ((learning_rate - POLYNOMIAL_END) * (1.0 - done) + POLYNOMIAL_END) / learning_rate,
        LrScheduler::Constant | LrScheduler::ConstantWithWarmup => 1.0,
    }
}
