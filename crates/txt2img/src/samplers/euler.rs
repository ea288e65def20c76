//! Euler's method: algorithm 2 of Karras et al. (2022) without its second-order correction.

use engine::tch::Tensor;
use model::NoiseSchedule;

use super::derivative;
use crate::error::Result;
use crate::sampler::{Churn, Sampler, Walk};
use crate::sigmas::model_sigmas;

/// `Euler`, with churn when the request asks for it.
#[derive(Debug, Clone, Copy)]
pub struct Euler;

impl Sampler for Euler {
    fn trajectory(&self, schedule: &NoiseSchedule, steps: u32) -> Vec<f64> {
        model_sigmas(schedule, steps)
    }

    fn first_latents(&self, noise: &Tensor, trajectory: &[f64]) -> Tensor {
        noise * trajectory[0]
    }

    fn sample(&self, walk: &mut Walk<'_>, mut x: Tensor) -> Result<Tensor> {
        let steps = walk.trajectory.len() - 1;
        for i in 0..steps {
            let (sigma, next) = (walk.trajectory[i], walk.trajectory[i + 1]);
            // Drawn even when it is not used: the web UI's streams advance once a step.
            let noise = walk.noise.next();
            let churned = churned_sigma(&walk.settings.churn, sigma, steps);
            if churned > sigma {
                x += noise * (walk.settings.churn.noise * (churned * churned - sigma * sigma).sqrt());
            }
            let denoised = walk.denoiser.denoise(&x, churned)?;
            x = &x + derivative(&x, &denoised, churned) * (next - churned);
            (walk.on_step)(i + 1);
        }
        Ok(x)
    }
}

/// sigma-hat = sigma (1 + gamma), gamma = min(S_churn / N, sqrt(2) - 1) within the bounds, else 0.
fn churned_sigma(churn: &Churn, sigma: f64, steps: usize) -> f64 {
    if (churn.sigma_min..=churn.sigma_max).contains(&sigma) {
        sigma * (1.0 + (churn.amount / steps as f64).min(std::f64::consts::SQRT_2 - 1.0))
    } else {
        sigma
    }
}
