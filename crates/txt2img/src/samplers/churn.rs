//! Churn: noise that is added back before a step (Karras et al., "Elucidating the Design Space of Diffusion-Based
//! Generative Models", 2022, algorithm 2).

use engine::tch::Tensor;

use crate::sampler::Walk;

/// `x` and its sigma after churn: sigma-hat = sigma (1 + gamma), gamma = min(S_churn / N, sqrt(2) - 1) within the bounds, else 0.
pub(super) fn churned(walk: &mut Walk<'_>, x: Tensor, sigma: f64) -> (Tensor, f64) {
    let churn = walk.settings.churn;
    let gamma = if (churn.sigma_min..=churn.sigma_max).contains(&sigma) {
        (churn.amount / walk.trajectory.steps() as f64).min(std::f64::consts::SQRT_2 - 1.0)
    } else {
        0.0
    };
    let churned = sigma * (1.0 + gamma);
    let scale = walk.settings.s_noise * (churned * churned - sigma * sigma).sqrt();
    (walk.add_noise(x, scale), churned)
}
