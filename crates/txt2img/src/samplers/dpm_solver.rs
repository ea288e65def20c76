//! The steps of DPM-Solver, singlestep, of orders 1 to 3 (Lu et al., "DPM-Solver: A Fast ODE Solver for Diffusion
//! Probabilistic Model Sampling in Around 10 Steps", 2022, algorithms 1, 4 and 5), in t = -ln sigma.

use engine::tch::Tensor;

use super::ancestral::split;
use super::derivative;
use crate::error::Result;
use crate::sampler::Walk;

/// The sigma of a time.
pub(super) fn sigma_of(t: f64) -> f64 {
    (-t).exp()
}

/// The time of a sigma.
pub(super) fn time_of(sigma: f64) -> f64 {
    -sigma.ln()
}

/// A step that begins at `x`: what its orders have in common.
pub(super) struct Step<'a> {
    pub(super) x: &'a Tensor,
    pub(super) t: f64,
    /// Its length.
    pub(super) h: f64,
    /// The noise seen at its beginning.
    pub(super) noise: &'a Tensor,
}

impl Step<'_> {
    /// First order, over the share `r` of the step.
    pub(super) fn first(&self, r: f64) -> Tensor {
        let h = r * self.h;
        self.x - self.noise * (sigma_of(self.t + h) * h.exp_m1())
    }

    /// Second order, from the noise seen at the share `r`.
    pub(super) fn second(&self, r: f64, noise_r: &Tensor) -> Tensor {
        let scale = sigma_of(self.t + self.h) * self.h.exp_m1();
        self.x - self.noise * scale - (noise_r - self.noise) * (scale / (2.0 * r))
    }

    /// Third order with shares 1/3 and 2/3; `noise_1` was seen at the first.
    pub(super) fn third(&self, walk: &mut Walk<'_>, noise_1: &Tensor) -> Result<Tensor> {
        let (r1, r2) = (1.0 / 3.0, 2.0 / 3.0);
        let ahead = |r: f64| {
            let h = r * self.h;
            sigma_of(self.t + h) * (h.exp_m1() / h - 1.0)
        };
        let u2 = self.first(r2) - (noise_1 - self.noise) * (ahead(r2) * r2 / r1);
        let noise_2 = noise_at(walk, &u2, self.t + r2 * self.h)?;
        Ok(self.first(1.0) - (noise_2 - self.noise) * (ahead(1.0) / r2))
    }
}

/// The noise seen in `x` at time `t`.
pub(super) fn noise_at(walk: &mut Walk<'_>, x: &Tensor, t: f64) -> Result<Tensor> {
    let sigma = sigma_of(t);
    let denoised = walk.denoise(x, sigma)?;
    Ok(derivative(x, &denoised, sigma))
}

/// Where a step from `t` to `next` walks to when it adds noise at its end, and that noise's scale.
pub(super) fn ancestral_time(t: f64, next: f64, end: f64, eta: f64) -> (f64, f64) {
    if eta == 0.0 {
        return (next, 0.0);
    }
    let down = end.min(time_of(split(sigma_of(t), sigma_of(next), eta).down));
    let up = (sigma_of(next).powi(2) - sigma_of(down).powi(2)).max(0.0).sqrt();
    (down, up)
}
