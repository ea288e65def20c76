//! DDIM with CFG++ (Chung et al., "CFG++: Manifold-constrained Classifier Free Guidance for Diffusion Models", 2024): the
//! clean latents are guided, the noise that they are given back is not.

use engine::tch::Tensor;

use super::time_steps::Move;
use crate::error::Result;
use crate::sampler::Walk;

/// The paper's guidance lies between 0 and 1: the web UI divides its own by this.
const GUIDANCE_SCALE: f64 = 12.5;

/// `DDIM CFG++`.
pub(super) fn sample(walk: &mut Walk<'_>, mut x: Tensor) -> Result<Tensor> {
    for (index, (timestep, next)) in walk.trajectory.pairs().enumerate() {
        let answer = walk.denoiser.predict_noise(&x, timestep)?;
        let unconditional = answer.unconditional;
        let guided = &unconditional + (answer.guided - &unconditional) / GUIDANCE_SCALE;
        let step = Move::new(walk.schedule, timestep, next, walk.settings.eta);
        let moved = step.along(&step.clean(&x, &guided), &unconditional);
        x = step.add_noise(walk, moved);
        (walk.on_step)(index + 1);
    }
    Ok(x)
}
