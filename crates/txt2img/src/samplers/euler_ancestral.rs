//! Euler's method with ancestral noise (k-diffusion's `sample_euler_ancestral`).

use engine::tch::Tensor;
use model::NoiseSchedule;

use super::derivative;
use crate::error::Result;
use crate::sampler::{Sampler, Walk};
use crate::sigmas::model_sigmas;

/// `Euler a`.
#[derive(Debug, Clone, Copy)]
pub struct EulerAncestral;

/// The web UI's `eta` for ancestral samplers when the request has none.
const ETA_DEFAULT: f64 = 1.0;

impl Sampler for EulerAncestral {
    fn trajectory(&self, schedule: &NoiseSchedule, steps: u32) -> Vec<f64> {
        model_sigmas(schedule, steps)
    }

    fn first_latents(&self, noise: &Tensor, trajectory: &[f64]) -> Tensor {
        noise * trajectory[0]
    }

    fn sample(&self, walk: &mut Walk<'_>, mut x: Tensor) -> Result<Tensor> {
        let eta = walk.settings.eta.unwrap_or(ETA_DEFAULT);
        for i in 0..walk.trajectory.len() - 1 {
            let (sigma, next) = (walk.trajectory[i], walk.trajectory[i + 1]);
            let denoised = walk.denoiser.denoise(&x, sigma)?;
            let (up, down) = ancestral_split(sigma, next, eta);
            x = &x + derivative(&x, &denoised, sigma) * (down - sigma);
            if next > 0.0 {
                x += walk.noise.next() * up;
            }
            (walk.on_step)(i + 1);
        }
        Ok(x)
    }
}

/// How a step from `sigma` to `next` divides into a walk down and fresh noise up:
/// up = min(next, eta sqrt(next^2 (sigma^2 - next^2) / sigma^2)), down = sqrt(next^2 - up^2).
pub(super) fn ancestral_split(sigma: f64, next: f64, eta: f64) -> (f64, f64) {
    let up = next.min(eta * (next * next * (sigma * sigma - next * next) / (sigma * sigma)).sqrt());
    (up, (next * next - up * up).sqrt())
}
