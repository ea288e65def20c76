//! What every sampler is given and must do.
//!
//! A sampler chooses its trajectory (noise levels for the k-diffusion family, time steps for DDIM, PLMS and UniPC), scales
//! the first noise, and walks. It asks the [`Denoiser`] in whichever form its paper uses, and the [`StepNoise`] for fresh
//! noise, one tensor a request. A run that starts part-way (the second pass of a hires fix) hands in the tail of the
//! trajectory and an already noised `x`; nothing else changes.

use engine::tch::Tensor;
use model::NoiseSchedule;
use protocol::SamplerName;

use crate::error::Result;
use crate::samplers::{Euler, EulerAncestral};

/// The guided model, in the two forms that samplers use. `x` is `[batch, 4, height/8, width/8]`, f32.
pub trait Denoiser {
    /// D(x, sigma): the clean latents the model sees in `x` at noise level `sigma` (k-diffusion's convention).
    ///
    /// # Errors
    /// When the network fails or its answer is not finite.
    fn denoise(&mut self, x: &Tensor, sigma: f64) -> Result<Tensor>;

    /// epsilon(x, t): the noise the model sees in `x` at time step `t`, `x` scaled as in DDPM.
    ///
    /// # Errors
    /// As [`Denoiser::denoise`].
    fn predict_noise(&mut self, x: &Tensor, timestep: f64) -> Result<Tensor>;
}

/// Fresh noise for ancestral and churning steps: each image draws from its own stream, so batching changes nothing.
pub trait StepNoise {
    /// The next tensor of every image's stream, `[batch, 4, height/8, width/8]`, f32, N(0, 1).
    fn next(&mut self) -> Tensor;
}

/// The part of a request that concerns the walk.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Share of ancestral noise; null means the sampler's own.
    pub eta: Option<f64>,
    /// Churn of Euler and its relatives.
    pub churn: Churn,
}

/// Noise added back before a step (Karras et al. 2022, algorithm 2).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Churn {
    /// S_churn: how much.
    pub amount: f64,
    /// S_tmin: lowest sigma that is churned.
    pub sigma_min: f64,
    /// S_tmax: highest sigma that is churned.
    pub sigma_max: f64,
    /// S_noise: scale of the noise.
    pub noise: f64,
}

/// What a sampler works with while it walks.
pub struct Walk<'a> {
    /// The guided model.
    pub denoiser: &'a mut dyn Denoiser,
    /// Fresh noise.
    pub noise: &'a mut dyn StepNoise,
    /// What [`Sampler::trajectory`] gave, or the tail of it.
    pub trajectory: &'a [f64],
    /// The request's settings.
    pub settings: Settings,
    /// Called after each step with the number of steps done.
    pub on_step: &'a mut dyn FnMut(usize),
}

impl std::fmt::Debug for Walk<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Walk")
            .field("trajectory", &self.trajectory)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// One published sampling algorithm.
pub trait Sampler: Sync {
    /// The values the walk passes through, highest noise first: sigmas for k-diffusion samplers (ending in 0), time
    /// steps for the others.
    fn trajectory(&self, schedule: &NoiseSchedule, steps: u32) -> Vec<f64>;

    /// The first `x` from N(0, 1) noise: k-diffusion samplers scale by the first sigma, the others do not.
    fn first_latents(&self, noise: &Tensor, trajectory: &[f64]) -> Tensor;

    /// Walks from `x` along the trajectory and returns the clean latents, scaled as the VAE expects (times 0.18215).
    ///
    /// # Errors
    /// When the denoiser fails.
    fn sample(&self, walk: &mut Walk<'_>, x: Tensor) -> Result<Tensor>;
}

/// The algorithm behind a name.
pub fn sampler(name: SamplerName) -> &'static dyn Sampler {
    match name {
        SamplerName::Euler => &Euler,
        SamplerName::EulerA => &EulerAncestral,
    }
}
