//! Denoising diffusion implicit models (Song et al., 2020). As in the web UI since its 1.6, the walk ends at the first entry
//! of its list, time step 1.

use engine::tch::Tensor;

use super::time_steps::Move;
use crate::error::Result;
use crate::sampler::Walk;

/// `DDIM`.
pub(super) fn sample(walk: &mut Walk<'_>, mut x: Tensor) -> Result<Tensor> {
    for (index, (timestep, next)) in walk.trajectory.pairs().enumerate() {
        let noise = walk.denoiser.predict_noise(&x, timestep)?.guided;
        let step = Move::new(walk.schedule, timestep, next, walk.settings.eta);
        let moved = step.step(&x, &noise);
        x = step.add_noise(walk, moved);
        (walk.on_step)(index + 1);
    }
    Ok(x)
}
