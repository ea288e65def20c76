//! Latent consistency models (Luo et al., "Latent Consistency Models", 2023, algorithm 3): each step sees the clean image at
//! once, and fresh noise takes it to the next level.

use engine::tch::Tensor;

use crate::error::Result;
use crate::sampler::Walk;

/// The model is distilled to one in so many of the training's time steps.
const SKIP: usize = 20;
/// The standard deviation of the data, and the scale of time, in the paper's skip connection.
const SIGMA_DATA: f64 = 0.5;
const TIMESTEP_SCALING: f64 = 10.0;

/// `LCM`.
pub(super) fn sample(walk: &mut Walk<'_>, mut x: Tensor) -> Result<Tensor> {
    for (index, (sigma, next)) in walk.trajectory.pairs().enumerate() {
        x = consistent(walk, &x, sigma)?;
        if next > 0.0 {
            x = walk.add_noise(x, next);
        }
        (walk.on_step)(index + 1);
    }
    Ok(x)
}

/// The consistency function: c_out (x - sigma epsilon) + c_skip x.
fn consistent(walk: &mut Walk<'_>, x: &Tensor, sigma: f64) -> Result<Tensor> {
    let timestep = nearest_timestep(walk.schedule.sigmas(), sigma);
    let noise = walk.denoiser.predict_noise(&(x / (sigma * sigma + 1.0).sqrt()), timestep)?.guided;
    let scaled = timestep * TIMESTEP_SCALING;
    let variance = scaled * scaled + SIGMA_DATA * SIGMA_DATA;
    let (skip, out) = (SIGMA_DATA * SIGMA_DATA / variance, scaled / variance.sqrt());
    Ok((x - noise * sigma) * out + x * skip)
}

/// The time step that the model was distilled to whose sigma is nearest, in its logarithm.
fn nearest_timestep(sigmas: &[f64], sigma: f64) -> f64 {
    let distance = |timestep: &usize| (sigmas[*timestep].ln() - sigma.ln()).abs();
    let skip = SKIP.min(sigmas.len());
    let timesteps = (skip - 1..sigmas.len()).step_by(skip);
    timesteps.min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap_or(0) as f64
}
