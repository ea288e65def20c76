//! Heun's method: algorithm 2 of Karras et al. (2022).

use engine::tch::Tensor;

use super::churn::churned;
use super::{derivative, euler_step};
use crate::error::Result;
use crate::sampler::Walk;

/// `Heun`.
pub(super) fn sample(walk: &mut Walk<'_>, mut x: Tensor) -> Result<Tensor> {
    for (index, (sigma, next)) in walk.trajectory.pairs().enumerate() {
        let (start, sigma) = churned(walk, x, sigma);
        x = heun_step(walk, &start, sigma, next)?;
        (walk.on_step)(index + 1);
    }
    Ok(x)
}

/// One step from `sigma` to `next`: Euler's, then with the mean of the derivatives at both ends. To 0, where there is no
/// derivative, Euler's alone.
pub(super) fn heun_step(walk: &mut Walk<'_>, x: &Tensor, sigma: f64, next: f64) -> Result<Tensor> {
    let denoised = walk.denoise(x, sigma)?;
    let ahead = euler_step(x, &denoised, sigma, next);
    if next == 0.0 {
        return Ok(ahead);
    }
    let denoised_ahead = walk.denoise(&ahead, next)?;
    let slopes = derivative(x, &denoised, sigma) + derivative(&ahead, &denoised_ahead, next);
    Ok(x + slopes * ((next - sigma) / 2.0))
}
