//! What every sampler is given.
//!
//! A sampler walks along a [`Trajectory`], which it does not choose. It asks the [`Denoiser`] in whichever form its paper
//! uses, and the [`StepNoise`] for fresh noise. A run that starts part-way (the second pass of a hires fix) hands in the
//! trajectory's tail and an already noised `x`; nothing else changes.

use engine::tch::Tensor;
use model::NoiseSchedule;
use protocol::SamplerRow;

use crate::error::Result;
pub use crate::samplers::algorithm;
use crate::trajectory::Trajectory;

/// What the model sees in a batch, both `[batch, 4, height/8, width/8]`, f32.
#[derive(Debug)]
pub struct Answer {
    /// With the prompt, as strongly as the guidance says.
    pub guided: Tensor,
    /// With the negative prompt alone.
    pub unconditional: Tensor,
}

impl Answer {
    /// The same done to both.
    #[must_use]
    pub fn map(self, change: impl Fn(Tensor) -> Tensor) -> Self {
        Self { guided: change(self.guided), unconditional: change(self.unconditional) }
    }
}

/// The guided model, in the two forms that samplers use. `x` is `[batch, 4, height/8, width/8]`, f32.
pub trait Denoiser {
    /// D(x, sigma): the clean latents the model sees in `x` at noise level `sigma` (k-diffusion's convention).
    ///
    /// # Errors
    /// When the network fails or its answer is not finite.
    fn denoise(&mut self, x: &Tensor, sigma: f64) -> Result<Answer>;

    /// epsilon(x, t): the noise the model sees in `x` at time step `t`, `x` scaled as in DDPM.
    ///
    /// # Errors
    /// As [`Denoiser::denoise`].
    fn predict_noise(&mut self, x: &Tensor, timestep: f64) -> Result<Answer>;

    /// How often the model was asked, in either form.
    fn calls(&self) -> usize;
}

/// Fresh noise: each image draws from its own stream, so batching changes nothing. All tensors are `[batch, 4, height/8,
/// width/8]`, f32.
pub trait StepNoise {
    /// The next tensor of every image's stream, N(0, 1).
    fn next(&mut self) -> Tensor;

    /// Passes over the tensor that [`StepNoise::next`] would give, without computing it. The web UI's streams advance once
    /// a request, whether the noise is used or not.
    fn skip(&mut self);

    /// The increment of every image's Brownian path from one sigma to a lower one, scaled to N(0, 1).
    fn between(&mut self, sigma: f64, next: f64) -> Tensor;
}

/// The part of a request that concerns the walk.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Share of fresh noise.
    pub eta: f64,
    /// Churn of Euler and its relatives.
    pub churn: Churn,
    /// S_noise: scale of the noise, where the sampler's row says that it acts.
    pub s_noise: f64,
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
}

impl Churn {
    /// Nothing is added back.
    pub const NONE: Self = Self { amount: 0.0, sigma_min: 0.0, sigma_max: f64::INFINITY };
}

impl Settings {
    /// Those of a sampler when a request says nothing.
    pub fn of(row: &SamplerRow) -> Self {
        Self { eta: row.eta.unwrap_or(0.0), churn: Churn::NONE, s_noise: 1.0 }
    }
}

/// What a sampler works with while it walks.
pub struct Walk<'a> {
    /// The guided model.
    pub denoiser: &'a mut dyn Denoiser,
    /// Fresh noise.
    pub noise: &'a mut dyn StepNoise,
    /// Where the walk goes.
    pub trajectory: &'a Trajectory,
    /// The noise levels that the model was trained on.
    pub schedule: &'a NoiseSchedule,
    /// The request's settings.
    pub settings: Settings,
    /// Called after each step with the number of steps done, from 1 to the trajectory's.
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

impl Walk<'_> {
    /// The guided clean latents in `x` at `sigma`.
    ///
    /// # Errors
    /// When the denoiser fails.
    pub(crate) fn denoise(&mut self, x: &Tensor, sigma: f64) -> Result<Tensor> {
        Ok(self.denoiser.denoise(x, sigma)?.guided)
    }

    /// Adds fresh noise of this scale to `x`; the stream advances also where the scale is 0.
    pub(crate) fn add_noise(&mut self, x: Tensor, scale: f64) -> Tensor {
        if scale == 0.0 {
            self.noise.skip();
            return x;
        }
        x + self.noise.next() * scale
    }

    /// Adds the Brownian path's increment from `sigma` to `next`, at this scale, to `x`.
    pub(crate) fn add_increment(&mut self, x: Tensor, sigma: f64, next: f64, scale: f64) -> Tensor {
        if scale == 0.0 { x } else { x + self.noise.between(sigma, next) * scale }
    }
}

/// A sampler: walks from `x` along the trajectory and returns the clean latents, scaled as the VAE expects (times 0.18215).
/// It fails when the denoiser fails.
pub type Algorithm = fn(&mut Walk<'_>, Tensor) -> Result<Tensor>;
