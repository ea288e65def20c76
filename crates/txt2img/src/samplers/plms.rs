//! Pseudo linear multistep (Liu et al., "Pseudo Numerical Methods for Diffusion Models on Manifolds", 2022): DDIM's steps
//! along what Adams and Bashforth make of the last four noises. Its first step asks the model twice.

use std::collections::VecDeque;

use engine::tch::Tensor;

use super::time_steps::Move;
use crate::error::Result;
use crate::sampler::Walk;

/// The formula for so many earlier noises as there are, the newest first.
const ADAMS_BASHFORTH: [&[f64]; 3] = [
    &[3.0 / 2.0, -1.0 / 2.0],
    &[23.0 / 12.0, -16.0 / 12.0, 5.0 / 12.0],
    &[55.0 / 24.0, -59.0 / 24.0, 37.0 / 24.0, -9.0 / 24.0],
];

/// `PLMS`.
pub(super) fn sample(walk: &mut Walk<'_>, mut x: Tensor) -> Result<Tensor> {
    // The newest first.
    let mut noises: VecDeque<Tensor> = VecDeque::new();
    for (index, (timestep, next)) in walk.trajectory.pairs().enumerate() {
        let noise = walk.denoiser.predict_noise(&x, timestep)?.guided;
        let step = Move::new(walk.schedule, timestep, next, 0.0);
        let earlier = noises.len();
        noises.push_front(noise);
        noises.truncate(ADAMS_BASHFORTH.len() + 1);
        let direction = if earlier == 0 {
            let ahead = walk.denoiser.predict_noise(&step.step(&x, &noises[0]), next)?.guided;
            (&noises[0] + ahead) / 2.0
        } else {
            let weights = ADAMS_BASHFORTH[noises.len() - 2];
            weighted(weights, &noises)
        };
        x = step.step(&x, &direction);
        (walk.on_step)(index + 1);
    }
    Ok(x)
}

fn weighted(weights: &[f64], noises: &VecDeque<Tensor>) -> Tensor {
    let first = &noises[0] * weights[0];
    weights.iter().zip(noises).skip(1).fold(first, |sum, (weight, noise)| sum + noise * *weight)
}
