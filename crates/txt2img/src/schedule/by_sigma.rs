//! Schedules that choose sigmas from a range, lowest and highest.

use super::incomplete_beta::quantile;
use super::{down_to_zero, linspace};

/// rho of Karras et al. (2022).
pub const KARRAS_RHO: f64 = 7.0;

/// The levels that Sabour et al., "Align Your Steps" (2024), found best for ten steps of Stable Diffusion 1.5.
const ALIGNED: [f64; 11] = [14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029];

/// Both shapes of the Beta distribution of Lee et al., "Beta Sampling is All You Need" (2024).
const BETA_SHAPE: f64 = 0.6;

/// "Karras": evenly in sigma to the power 1/rho (Karras et al., 2022, equation 5).
pub fn karras([lowest, highest]: [f64; 2], steps: usize, rho: f64) -> Vec<f64> {
    let root = |sigma: f64| sigma.powf(1.0 / rho);
    down_to_zero(linspace(root(highest), root(lowest), steps).map(|value| value.powf(rho)))
}

/// "Polyexponential": ln sigma along a ramp from 1 to 0, to the power `rho`; "Exponential" where that is 1.
pub fn polyexponential([lowest, highest]: [f64; 2], steps: usize, rho: f64) -> Vec<f64> {
    let ramp = linspace(1.0, 0.0, steps);
    down_to_zero(ramp.map(|value| (value.powf(rho) * (highest / lowest).ln() + lowest.ln()).exp()))
}

/// "KL Optimal": evenly in the arc tangent of sigma (Sabour et al., 2024, theorem 3.1). The list ends at the lowest sigma.
pub fn kl_optimal([lowest, highest]: [f64; 2], steps: usize) -> Vec<f64> {
    linspace(highest.atan(), lowest.atan(), steps + 1).map(f64::tan).collect()
}

/// "Align Your Steps": the published levels, between them linear in ln sigma.
pub fn align_your_steps(steps: usize) -> Vec<f64> {
    let last = ALIGNED.len() - 1;
    down_to_zero(linspace(0.0, last as f64, steps).map(|place| {
        let low = (place.floor() as usize).min(last - 1);
        let weight = place - low as f64;
        ((1.0 - weight) * ALIGNED[low].ln() + weight * ALIGNED[low + 1].ln()).exp()
    }))
}

/// "Beta": sigmas at evenly spaced quantiles of a Beta distribution over the range.
pub fn beta([lowest, highest]: [f64; 2], steps: usize) -> Vec<f64> {
    let quantiles = linspace(1.0, 0.0, steps).map(|share| quantile(share, BETA_SHAPE));
    down_to_zero(quantiles.map(|quantile| lowest + quantile * (highest - lowest)))
}
