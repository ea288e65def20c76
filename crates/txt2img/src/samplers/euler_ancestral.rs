//! Euler's method with ancestral noise (k-diffusion's `sample_euler_ancestral`; for eta 1 a DDPM step, Ho et al., 2020).

use engine::tch::Tensor;

use super::ancestral::split;
use super::euler_step;
use crate::error::Result;
use crate::sampler::Walk;

/// `Euler a`.
pub(super) fn sample(walk: &mut Walk<'_>, mut x: Tensor) -> Result<Tensor> {
    for (index, (sigma, next)) in walk.trajectory.pairs().enumerate() {
        let denoised = walk.denoise(&x, sigma)?;
        let step = split(sigma, next, walk.settings.eta);
        x = euler_step(&x, &denoised, sigma, step.down);
        if next > 0.0 {
            x = walk.add_noise(x, step.up);
        }
        (walk.on_step)(index + 1);
    }
    Ok(x)
}
