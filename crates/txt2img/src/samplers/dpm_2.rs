//! DPM2: the midpoint method in ln sigma, after DPM-Solver-2 (Lu et al., 2022) and algorithm 2 of Karras et al. (2022).

use engine::tch::Tensor;

use super::churn::churned;
use super::{derivative, euler_step};
use crate::error::Result;
use crate::sampler::Walk;

/// `DPM2`.
pub(super) fn sample(walk: &mut Walk<'_>, mut x: Tensor) -> Result<Tensor> {
    for (index, (sigma, next)) in walk.trajectory.pairs().enumerate() {
        let (start, sigma) = churned(walk, x, sigma);
        let denoised = walk.denoise(&start, sigma)?;
        x = midpoint_step(walk, &start, &denoised, sigma, next)?;
        (walk.on_step)(index + 1);
    }
    Ok(x)
}

/// One step from `sigma` to `next`, with the derivative half-way between their logarithms; to 0, Euler's.
pub(super) fn midpoint_step(
    walk: &mut Walk<'_>,
    x: &Tensor,
    denoised: &Tensor,
    sigma: f64,
    next: f64,
) -> Result<Tensor> {
    if next == 0.0 {
        return Ok(euler_step(x, denoised, sigma, next));
    }
    let middle = (sigma * next).sqrt();
    let x_middle = euler_step(x, denoised, sigma, middle);
    let denoised_middle = walk.denoise(&x_middle, middle)?;
    Ok(x + derivative(&x_middle, &denoised_middle, middle) * (next - sigma))
}
