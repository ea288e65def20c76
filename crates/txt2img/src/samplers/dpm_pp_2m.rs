//! DPM-Solver++(2M) (Lu et al., "DPM-Solver++", 2022, algorithm 2; k-diffusion's `sample_dpmpp_2m`).

use engine::tch::Tensor;

use super::exponential_step;
use crate::error::Result;
use crate::sampler::Walk;

/// `DPM++ 2M`.
pub(super) fn sample(walk: &mut Walk<'_>, mut x: Tensor) -> Result<Tensor> {
    let mut before: Option<(Tensor, f64)> = None;
    for (index, (sigma, next)) in walk.trajectory.pairs().enumerate() {
        let denoised = walk.denoise(&x, sigma)?;
        x = match &before {
            Some((denoised_before, sigma_before)) if next > 0.0 => {
                let r = (sigma_before / sigma).ln() / (sigma / next).ln();
                let ahead = &denoised * (1.0 + 0.5 / r) - denoised_before * (0.5 / r);
                exponential_step(&x, &ahead, sigma, next)
            }
            _ => exponential_step(&x, &denoised, sigma, next),
        };
        before = Some((denoised, sigma));
        (walk.on_step)(index + 1);
    }
    Ok(x)
}
