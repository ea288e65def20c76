//! What DDIM and its relatives share: `x` scaled as in DDPM, and the step between two of its time steps.

use engine::tch::Tensor;
use model::NoiseSchedule;

use crate::sampler::Walk;

/// The step between two time steps (Song et al., "Denoising Diffusion Implicit Models", 2020, equation 12).
#[derive(Debug, Clone, Copy)]
pub(super) struct Move {
    /// alpha-bar where it begins.
    alpha: f64,
    /// alpha-bar where it ends.
    alpha_next: f64,
    /// The standard deviation of the fresh noise.
    sigma: f64,
}

impl Move {
    /// From one time step to the next with this share of fresh noise.
    pub(super) fn new(schedule: &NoiseSchedule, timestep: f64, next: f64, eta: f64) -> Self {
        let (alpha, alpha_next) = (alpha_bar(schedule, timestep), alpha_bar(schedule, next));
        let variance = (1.0 - alpha_next) / (1.0 - alpha) * (1.0 - alpha / alpha_next);
        Self { alpha, alpha_next, sigma: eta * variance.max(0.0).sqrt() }
    }

    /// The clean latents in `x` when `noise` is what is seen in it.
    pub(super) fn clean(&self, x: &Tensor, noise: &Tensor) -> Tensor {
        (x - noise * (1.0 - self.alpha).sqrt()) / self.alpha.sqrt()
    }

    /// The next `x`: the clean latents, noised again along `direction`, without fresh noise.
    pub(super) fn along(&self, clean: &Tensor, direction: &Tensor) -> Tensor {
        clean * self.alpha_next.sqrt() + direction * (1.0 - self.alpha_next - self.sigma * self.sigma).max(0.0).sqrt()
    }

    /// [`Move::along`] the noise that is seen.
    pub(super) fn step(&self, x: &Tensor, noise: &Tensor) -> Tensor {
        self.along(&self.clean(x, noise), noise)
    }

    /// Adds the fresh noise. A stream advances also where there is none of it.
    pub(super) fn add_noise(&self, walk: &mut Walk<'_>, x: Tensor) -> Tensor {
        walk.add_noise(x, self.sigma)
    }
}

/// alpha-bar of a whole time step.
fn alpha_bar(schedule: &NoiseSchedule, timestep: f64) -> f64 {
    let table = schedule.alphas_cumprod();
    table[(timestep.max(0.0) as usize).min(table.len() - 1)]
}
