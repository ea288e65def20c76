//! DPM-Solver-23 with steps of its own choice (Lu et al., "DPM-Solver", 2022, appendix C; k-diffusion's
//! `sample_dpm_adaptive`): the second order judges the third. It ends at the lowest sigma, not at 0.
//!
//! The error is a norm over all of `x`, so a batch would change the picture: whoever walks hands in one image at a time.

use engine::tch::{Kind, Tensor};

use super::dpm_solver::{Step, ancestral_time, noise_at, time_of};
use crate::error::{Result, Txt2ImgError};
use crate::sampler::Walk;

/// Errors below this share of `x` do not matter, and below this absolute one.
const RELATIVE_TOLERANCE: f64 = 0.05;
const ABSOLUTE_TOLERANCE: f64 = 0.0078;
/// The first step tried.
const FIRST_STEP: f64 = 0.05;
/// A step is taken when the next may be at least this share of it.
const ACCEPT_SAFETY: f64 = 0.81;
/// Keeps the inverse of an error finite.
const EPSILON: f64 = 1e-8;
/// The walk is over when so little time is left.
const TIME_LEFT: f64 = 1e-5;
/// Most steps tried. A usual walk tries 20 to 60.
const ATTEMPTS_MAX: usize = 2_000;

/// `DPM adaptive`.
pub(super) fn sample(walk: &mut Walk<'_>, mut x: Tensor) -> Result<Tensor> {
    let [start, end] = walk.trajectory.span().map(time_of);
    let order = if walk.settings.eta == 0.0 { 3.0 } else { 1.5 };
    let (mut t, mut h, mut told) = (start, FIRST_STEP, 0);
    let mut low_before = x.shallow_clone();
    for _ in 0..ATTEMPTS_MAX {
        if t >= end - TIME_LEFT {
            tell(walk, &mut told, 1.0);
            return Ok(x);
        }
        let next = end.min(t + h);
        let (down, up) = ancestral_time(t, next, end, walk.settings.eta);
        let [low, high] = pair(walk, &x, t, down)?;
        // An integral controller: the error's inverse, to the power 1 / order, bent so that a step changes by no more than 2.57.
        let factor = (1.0 / (error(&low, &high, &low_before)? + EPSILON)).powf(1.0 / order);
        let factor = 1.0 + (factor - 1.0).atan();
        h *= factor;
        if factor >= ACCEPT_SAFETY {
            low_before = low;
            x = walk.add_noise(high, up);
            t = next;
            tell(walk, &mut told, (t - start) / (end - start));
        }
    }
    Err(Txt2ImgError::NoStep { attempts: ATTEMPTS_MAX })
}

/// The steps of second and third order from `t` to `next`.
fn pair(walk: &mut Walk<'_>, x: &Tensor, t: f64, next: f64) -> Result<[Tensor; 2]> {
    let noise = &noise_at(walk, x, t)?;
    let step = Step { x, t, h: next - t, noise };
    let noise_third = noise_at(walk, &step.first(1.0 / 3.0), t + step.h / 3.0)?;
    Ok([step.second(1.0 / 3.0, &noise_third), step.third(walk, &noise_third)?])
}

/// How far the orders are apart, in units of what is tolerated.
fn error(low: &Tensor, high: &Tensor, low_before: &Tensor) -> Result<f64> {
    let tolerated = (low.abs().maximum(&low_before.abs()) * RELATIVE_TOLERANCE).clamp_min(ABSOLUTE_TOLERANCE);
    let error = f64::try_from(((low - high) / tolerated).square().mean(Kind::Float).sqrt())?;
    if error.is_finite() { Ok(error) } else { Err(Txt2ImgError::NotFinite { network: "UNet" }) }
}

/// Reports as many of the request's steps as this share of the way is worth.
fn tell(walk: &mut Walk<'_>, told: &mut usize, share: f64) {
    let done = (share * walk.trajectory.steps() as f64) as usize;
    while *told < done {
        *told += 1;
        (walk.on_step)(*told);
    }
}
