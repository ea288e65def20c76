//! DPM-Solver++(3M) for the diffusion's stochastic equation (k-diffusion's `sample_dpmpp_3m_sde`).

use engine::tch::Tensor;

use super::dpm_pp_2m_sde::noise_scale;
use crate::error::Result;
use crate::sampler::Walk;

/// A step that was taken: what was seen at its beginning, and its length.
struct Step {
    denoised: Tensor,
    h: f64,
}

/// `DPM++ 3M SDE`.
pub(super) fn sample(walk: &mut Walk<'_>, mut x: Tensor) -> Result<Tensor> {
    let eta = walk.settings.eta;
    let (mut before, mut long_before): (Option<Step>, Option<Step>) = (None, None);
    for (index, (sigma, next)) in walk.trajectory.pairs().enumerate() {
        let denoised = walk.denoise(&x, sigma)?;
        if next == 0.0 {
            x = denoised;
        } else {
            let step = Step { denoised, h: (sigma / next).ln() };
            let g = step.h * (1.0 + eta);
            x = x * (-g).exp() - &step.denoised * (-g).exp_m1();
            if let Some(before) = &before {
                x += correction(g, &step, before, long_before.as_ref());
            }
            x = walk.add_increment(x, sigma, next, noise_scale(next, step.h, eta) * walk.settings.s_noise);
            long_before = before.replace(step);
        }
        (walk.on_step)(index + 1);
    }
    Ok(x)
}

/// What the first and, with two steps behind, the second derivative of D add.
fn correction(g: f64, now: &Step, before: &Step, long_before: Option<&Step>) -> Tensor {
    let phi_2 = (-g).exp_m1() / g + 1.0;
    let r0 = before.h / now.h;
    let slope = (&now.denoised - &before.denoised) / r0;
    let Some(long_before) = long_before else { return slope * phi_2 };
    let r1 = long_before.h / now.h;
    let slope_before = (&before.denoised - &long_before.denoised) / r1;
    let curvature = (&slope - slope_before) / (r0 + r1);
    let phi_3 = phi_2 / g - 0.5;
    (slope + &curvature * r0) * phi_2 - curvature * phi_3
}
