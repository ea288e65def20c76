//! DPM2 with ancestral noise (k-diffusion's `sample_dpm_2_ancestral`).

use engine::tch::Tensor;

use super::ancestral::split;
use super::dpm_2::midpoint_step;
use crate::error::Result;
use crate::sampler::Walk;

/// `DPM2 a`.
pub(super) fn sample(walk: &mut Walk<'_>, mut x: Tensor) -> Result<Tensor> {
    for (index, (sigma, next)) in walk.trajectory.pairs().enumerate() {
        let denoised = walk.denoise(&x, sigma)?;
        let step = split(sigma, next, walk.settings.eta);
        x = midpoint_step(walk, &x, &denoised, sigma, step.down)?;
        if step.down > 0.0 {
            x = walk.add_noise(x, step.up * walk.settings.s_noise);
        }
        (walk.on_step)(index + 1);
    }
    Ok(x)
}
