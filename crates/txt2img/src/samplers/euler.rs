//! Euler's method: algorithm 2 of Karras et al. (2022) without its second-order correction.

use engine::tch::Tensor;

use super::churn::churned;
use super::euler_step;
use crate::error::Result;
use crate::sampler::Walk;

/// `Euler`.
pub(super) fn sample(walk: &mut Walk<'_>, mut x: Tensor) -> Result<Tensor> {
    for (index, (sigma, next)) in walk.trajectory.pairs().enumerate() {
        let (start, sigma) = churned(walk, x, sigma);
        let denoised = walk.denoise(&start, sigma)?;
        x = euler_step(&start, &denoised, sigma, next);
        (walk.on_step)(index + 1);
    }
    Ok(x)
}
