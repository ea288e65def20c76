//! DPM-Solver++(2S) with ancestral noise (Lu et al., "DPM-Solver++", 2022, algorithm 1; k-diffusion's
//! `sample_dpmpp_2s_ancestral`).

use engine::tch::Tensor;

use super::ancestral::split;
use super::exponential_step;
use crate::error::Result;
use crate::sampler::Walk;

/// `DPM++ 2S a`.
pub(super) fn sample(walk: &mut Walk<'_>, mut x: Tensor) -> Result<Tensor> {
    for (index, (sigma, next)) in walk.trajectory.pairs().enumerate() {
        let mut denoised = walk.denoise(&x, sigma)?;
        let step = split(sigma, next, walk.settings.eta);
        if step.down > 0.0 {
            // What is seen half-way stands for the whole step.
            let middle = (sigma * step.down).sqrt();
            denoised = walk.denoise(&exponential_step(&x, &denoised, sigma, middle), middle)?;
        }
        x = exponential_step(&x, &denoised, sigma, step.down);
        if next > 0.0 {
            x = walk.add_noise(x, step.up * walk.settings.s_noise);
        }
        (walk.on_step)(index + 1);
    }
    Ok(x)
}
