//! The noise schedule: `alphas_cumprod` and what follows from it (Ho et al., 2020; Karras et al., 2022).

use engine::tch::{Kind, Tensor};

use crate::config::{PredictionType, ScheduleConfig};

/// The noise levels a model was trained on.
///
/// ᾱ is computed in double precision and rounded to f32, as the checkpoints' own code keeps it; all else follows from
/// the rounded numbers.
#[derive(Debug)]
pub struct NoiseSchedule {
    alphas_cumprod: Vec<f64>,
    sigmas: Vec<f64>,
    log_sigmas: Vec<f64>,
    /// √ᾱ and √(1−ᾱ), `[num_train_timesteps]` f32 on the CPU.
    signal: Tensor,
    noise: Tensor,
    prediction_type: PredictionType,
}

impl NoiseSchedule {
    /// The schedule that `config` describes; `config` has passed [`ScheduleConfig::check`].
    #[must_use]
    pub fn new(config: &ScheduleConfig) -> Self {
        let alphas_cumprod: Vec<f64> = betas(config)
            .scan(1.0, |product, beta| {
                *product *= 1.0 - beta;
                Some(f64::from(*product as f32))
            })
            .collect();
        let sigmas: Vec<f64> = alphas_cumprod.iter().map(|alpha| ((1.0 - alpha) / alpha).sqrt()).collect();
        let log_sigmas = sigmas.iter().map(|sigma| sigma.ln()).collect();
        let table = |value: fn(f64) -> f64| {
            let numbers: Vec<f32> = alphas_cumprod.iter().map(|&alpha| value(alpha) as f32).collect();
            Tensor::from_slice(&numbers)
        };
        Self {
            signal: table(f64::sqrt),
            noise: table(|alpha| (1.0 - alpha).sqrt()),
            prediction_type: config.prediction_type,
            alphas_cumprod,
            sigmas,
            log_sigmas,
        }
    }

    /// ᾱ of every timestep, from almost 1 down.
    #[must_use]
    pub fn alphas_cumprod(&self) -> &[f64] {
        &self.alphas_cumprod
    }

    /// σ = √((1−ᾱ)/ᾱ) of every timestep, rising: 0.0291672 to 14.6146 for SD 1.x.
    #[must_use]
    pub fn sigmas(&self) -> &[f64] {
        &self.sigmas
    }

    /// What the UNet predicts.
    #[must_use]
    pub fn prediction_type(&self) -> PredictionType {
        self.prediction_type
    }

    /// Number of timesteps: 1000 for SD 1.x.
    #[must_use]
    pub fn num_train_timesteps(&self) -> i64 {
        self.alphas_cumprod.len() as i64
    }

    /// √ᾱ·latents + √(1−ᾱ)·noise.
    ///
    /// `latents` and `noise`: `[batch, 4, h, w]`; `timesteps`: `[batch]` i64, each below
    /// [`NoiseSchedule::num_train_timesteps`]. The answer has the dtype of `latents`.
    pub fn add_noise(&self, latents: &Tensor, noise: &Tensor, timesteps: &Tensor) -> Tensor {
        let (signal, level) = self.factors(latents, timesteps);
        signal * latents + level * noise
    }

    /// √ᾱ·noise − √(1−ᾱ)·latents: the target of [`PredictionType::VPrediction`] (Salimans and Ho, 2022).
    ///
    /// Shapes as for [`NoiseSchedule::add_noise`].
    pub fn velocity(&self, latents: &Tensor, noise: &Tensor, timesteps: &Tensor) -> Tensor {
        let (signal, level) = self.factors(latents, timesteps);
        signal * noise - level * latents
    }

    /// What the UNet should have predicted from `add_noise` of the same arguments.
    pub fn target(&self, latents: &Tensor, noise: &Tensor, timesteps: &Tensor) -> Tensor {
        match self.prediction_type {
            PredictionType::Epsilon => noise.shallow_clone(),
            PredictionType::VPrediction => self.velocity(latents, noise, timesteps),
        }
    }

    /// The signal-to-noise ratio ᾱ/(1−ᾱ) of a timestep; that of the last one beyond the end.
    #[must_use]
    pub fn snr(&self, timestep: i64) -> f64 {
        let last = self.alphas_cumprod.len() - 1;
        let alpha = self.alphas_cumprod[usize::try_from(timestep).unwrap_or(0).min(last)];
        alpha / (1.0 - alpha)
    }

    /// The fractional timestep of a noise level: linear in ln σ between neighbouring timesteps, clamped to the table.
    #[must_use]
    pub fn t_of_sigma(&self, sigma: f64) -> f64 {
        let log_sigma = sigma.ln();
        let above = self.log_sigmas.partition_point(|&entry| entry <= log_sigma);
        let low = above.saturating_sub(1).min(self.log_sigmas.len() - 2);
        let (start, end) = (self.log_sigmas[low], self.log_sigmas[low + 1]);
        low as f64 + ((log_sigma - start) / (end - start)).clamp(0.0, 1.0)
    }

    /// The noise level of a fractional timestep: the inverse of [`NoiseSchedule::t_of_sigma`].
    #[must_use]
    pub fn sigma_of_t(&self, t: f64) -> f64 {
        let last = self.log_sigmas.len() - 1;
        let t = t.clamp(0.0, last as f64);
        let low = (t.floor() as usize).min(last - 1);
        let weight = t - low as f64;
        ((1.0 - weight) * self.log_sigmas[low] + weight * self.log_sigmas[low + 1]).exp()
    }

    /// √ᾱ and √(1−ᾱ) of each timestep, `[batch, 1, 1, 1]` in dtype and on the device of `like`.
    fn factors(&self, like: &Tensor, timesteps: &Tensor) -> (Tensor, Tensor) {
        let device = like.device();
        let timesteps = timesteps.to_kind(Kind::Int64).to_device(device);
        let pick = |table: &Tensor| {
            table.to_device(device).index_select(0, &timesteps).view([-1, 1, 1, 1]).to_kind(like.kind())
        };
        (pick(&self.signal), pick(&self.noise))
    }
}

/// β of every timestep.
fn betas(config: &ScheduleConfig) -> impl Iterator<Item = f64> {
    let (start, end) = (config.beta_start, config.beta_end);
    let scaled = config.beta_schedule == "scaled_linear";
    let count = config.num_train_timesteps;
    (0..count).map(move |step| {
        let progress = step as f64 / (count - 1).max(1) as f64;
        if scaled {
            let root = start.sqrt() + (end.sqrt() - start.sqrt()) * progress;
            root * root
        } else {
            start + (end - start) * progress
        }
    })
}
