//! The loss of a batch: how much each item counts.

use engine::tch::{Kind, Tensor};
use model::{NoiseSchedule, PredictionType};

/// What an item's squared error is weighed with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LossRule {
    /// min(SNR, γ) / SNR (Hang et al., "Efficient diffusion training via min-SNR weighting strategy", 2023); `None`: all
    /// timesteps alike.
    pub min_snr_gamma: Option<f64>,
    /// What the mean over the class's items counts beside the mean over the concept's (Ruiz et al., "DreamBooth", 2023,
    /// equation 2).
    pub prior_loss_weight: f64,
}

impl Default for LossRule {
    /// The plain mean, and λ = 1.
    fn default() -> Self {
        Self { min_snr_gamma: None, prior_loss_weight: 1.0 }
    }
}

impl LossRule {
    /// The weight of each item of a batch, `[b]` f32 on the CPU, so that the loss is Σ weight · mean squared error.
    ///
    /// The first `instances` items show the concept, the others its class: the loss is the mean over the first and λ times the
    /// mean over the others. `timesteps`: `[b]` i64 on the CPU.
    pub fn weights(&self, schedule: &NoiseSchedule, timesteps: &[i64], instances: usize) -> Tensor {
        let classes = timesteps.len() - instances.min(timesteps.len());
        let share = |item: usize| {
            if item < instances { 1.0 / instances as f64 } else { self.prior_loss_weight / classes as f64 }
        };
        let weight = |(item, timestep): (usize, &i64)| share(item) * self.timestep_weight(schedule, *timestep);
        let weights: Vec<f32> = timesteps.iter().enumerate().map(|item| weight(item) as f32).collect();
        Tensor::from_slice(&weights)
    }

    /// How much a timestep counts. A velocity's error is already SNR + 1 times that of the noise it stands for, hence the
    /// other divisor (as in diffusers' training scripts).
    fn timestep_weight(&self, schedule: &NoiseSchedule, timestep: i64) -> f64 {
        let Some(gamma) = self.min_snr_gamma else { return 1.0 };
        let snr = schedule.snr(timestep);
        match schedule.prediction_type() {
            PredictionType::Epsilon => snr.min(gamma) / snr,
            PredictionType::VPrediction => snr.min(gamma) / (snr + 1.0),
        }
    }
}

/// Σ weightᵢ · mean((predictionᵢ − targetᵢ)²), `[]` f32; `prediction` and `target`: `[b, 4, h, w]`, `weights`: `[b]` f32.
pub fn weighted_loss(prediction: &Tensor, target: &Tensor, weights: &Tensor) -> Tensor {
    (item_losses(prediction, target) * weights).sum(Kind::Float)
}

/// The mean squared error of each item, `[b]` f32.
pub fn item_losses(prediction: &Tensor, target: &Tensor) -> Tensor {
    let difference = prediction.to_kind(Kind::Float) - target;
    (&difference * &difference).mean_dim([1, 2, 3].as_slice(), false, Kind::Float)
}
