//! DPM-Solver++(2M) for the diffusion's stochastic equation (Lu et al., "DPM-Solver++", 2022, section 5; k-diffusion's
//! `sample_dpmpp_2m_sde`, which knows two corrections).

use engine::tch::Tensor;

use crate::error::Result;
use crate::sampler::Walk;

/// `DPM++ 2M SDE`.
pub(super) fn sample_midpoint(walk: &mut Walk<'_>, x: Tensor) -> Result<Tensor> {
    sample(walk, x, |g| -0.5 * (-g).exp_m1())
}

/// `DPM++ 2M SDE Heun`.
pub(super) fn sample_heun(walk: &mut Walk<'_>, x: Tensor) -> Result<Tensor> {
    sample(walk, x, |g| (-g).exp_m1() / g + 1.0)
}

/// `correction` of g = (1 + eta) h is the factor of the change of D in a step as long as this one.
fn sample(walk: &mut Walk<'_>, mut x: Tensor, correction: fn(f64) -> f64) -> Result<Tensor> {
    let eta = walk.settings.eta;
    let mut before: Option<(Tensor, f64)> = None;
    for (index, (sigma, next)) in walk.trajectory.pairs().enumerate() {
        let denoised = walk.denoise(&x, sigma)?;
        if next == 0.0 {
            x = denoised;
        } else {
            let h = (sigma / next).ln();
            let g = h * (1.0 + eta);
            x = x * (-g).exp() - &denoised * (-g).exp_m1();
            if let Some((denoised_before, h_before)) = &before {
                x += (&denoised - denoised_before) * (correction(g) * h / h_before);
            }
            x = walk.add_increment(x, sigma, next, noise_scale(next, h, eta) * walk.settings.s_noise);
            before = Some((denoised, h));
        }
        (walk.on_step)(index + 1);
    }
    Ok(x)
}

/// The standard deviation of the noise that a step of length h brings to `next`.
pub(super) fn noise_scale(next: f64, h: f64, eta: f64) -> f64 {
    next * (-(-2.0 * h * eta).exp_m1()).sqrt()
}
