//! DPM-Solver++ for the diffusion's stochastic equation, two evaluations a step (k-diffusion's `sample_dpmpp_sde`, r = 1/2).

use engine::tch::Tensor;

use super::ancestral::split;
use super::exponential_step;
use crate::error::Result;
use crate::sampler::Walk;

/// `DPM++ SDE`.
pub(super) fn sample(walk: &mut Walk<'_>, mut x: Tensor) -> Result<Tensor> {
    let eta = walk.settings.eta;
    for (index, (sigma, next)) in walk.trajectory.pairs().enumerate() {
        let denoised = walk.denoise(&x, sigma)?;
        if next == 0.0 {
            x = denoised;
        } else {
            let middle = (sigma * next).sqrt();
            let x_middle = stochastic_step(walk, &x, &denoised, [sigma, middle], eta);
            let denoised_middle = walk.denoise(&x_middle, middle)?;
            x = stochastic_step(walk, &x, &denoised_middle, [sigma, next], eta);
        }
        (walk.on_step)(index + 1);
    }
    Ok(x)
}

/// Down without noise, then up with the path's.
fn stochastic_step(walk: &mut Walk<'_>, x: &Tensor, denoised: &Tensor, [sigma, next]: [f64; 2], eta: f64) -> Tensor {
    let step = split(sigma, next, eta);
    let down = exponential_step(x, denoised, sigma, step.down);
    walk.add_increment(down, sigma, next, step.up * walk.settings.s_noise)
}
