//! `scheduler/scheduler_config.json`: what a diffusers scheduler says about the model's training noise.
//!
//! The scheduler's class and its sampling options are ignored: they choose a sampler, which a request does here.

use serde::{Deserialize, Serialize};

use super::{check_is, check_size};

names::names! {
    /// What the UNet predicts.
    pub enum PredictionType: "supported prediction_type" {
        /// The noise: SD 1.x.
        Epsilon = "epsilon",
        /// √ᾱ·noise − √(1−ᾱ)·latents: SD 2.x at 768.
        VPrediction = "v_prediction",
    }
}

/// The noise schedule's constants.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ScheduleConfig {
    /// Number of noise levels.
    pub num_train_timesteps: i64,
    /// β of the first level.
    pub beta_start: f64,
    /// β of the last level.
    pub beta_end: f64,
    /// `scaled_linear` (linear in √β) or `linear`.
    pub beta_schedule: String,
    /// What the UNet predicts.
    pub prediction_type: PredictionType,
    /// An explicit list of β; not supported.
    pub trained_betas: Option<Vec<f64>>,
    /// A schedule stretched to zero signal; not supported.
    pub rescale_betas_zero_snr: bool,
}

impl Default for ScheduleConfig {
    /// diffusers' defaults for absent keys, which are not SD 1.5's.
    fn default() -> Self {
        Self {
            num_train_timesteps: 1000,
            beta_start: 0.0001,
            beta_end: 0.02,
            beta_schedule: "linear".to_owned(),
            prediction_type: PredictionType::Epsilon,
            trained_betas: None,
            rescale_betas_zero_snr: false,
        }
    }
}

impl ScheduleConfig {
    /// Stable Diffusion 1.x's.
    #[must_use]
    pub fn sd15() -> Self {
        Self { beta_start: 0.00085, beta_end: 0.012, beta_schedule: "scaled_linear".to_owned(), ..Self::default() }
    }

    /// What [`NoiseSchedule`](crate::schedule::NoiseSchedule) can compute.
    ///
    /// # Errors
    /// A sentence that names the key, its value and what is supported.
    pub fn check(&self) -> Result<(), String> {
        check_size("num_train_timesteps", self.num_train_timesteps)?;
        if self.num_train_timesteps < 2 {
            return Err("num_train_timesteps is 1; it must be at least 2".to_owned());
        }
        if !(0.0 < self.beta_start && self.beta_start <= self.beta_end && self.beta_end < 1.0) {
            return Err(format!(
                "beta_start {} and beta_end {} must rise between 0 and 1",
                self.beta_start, self.beta_end
            ));
        }
        if !["scaled_linear", "linear"].contains(&self.beta_schedule.as_str()) {
            return Err(format!(
                "beta_schedule is {:?}; only scaled_linear and linear are supported",
                self.beta_schedule
            ));
        }
        check_is("trained_betas", &self.trained_betas, &None)?;
        check_is("rescale_betas_zero_snr", &self.rescale_betas_zero_snr, &false)
    }
}
