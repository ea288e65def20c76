//! The noise levels a run passes through: N steps have N+1 values, from the highest to 0.

use model::NoiseSchedule;

/// The model's own schedule ("uniform"): t = linspace(999, 0, N), mapped to sigma, then 0.
///
/// k-diffusion's `get_sigmas`. For one step it is `[sigma_max, 0]`.
pub fn model_sigmas(schedule: &NoiseSchedule, steps: u32) -> Vec<f64> {
    let t_max = (schedule.alphas_cumprod().len() - 1) as f64;
    let spacing = t_max / f64::from(steps.saturating_sub(1).max(1));
    let mut sigmas: Vec<f64> = (0..steps).map(|i| schedule.sigma_of_t(t_max - f64::from(i) * spacing)).collect();
    sigmas.push(0.0);
    sigmas
}
