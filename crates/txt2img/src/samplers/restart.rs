//! Restart sampling (Xu et al., "Restart Sampling for Improving Generative Processes", 2023): Heun's method which, near the
//! end, goes back up with fresh noise and comes down again.

use engine::tch::Tensor;

use super::heun::heun_step;
use crate::error::Result;
use crate::sampler::Walk;
use crate::schedule::by_sigma::{KARRAS_RHO, karras};

/// From so many steps on there is a restart, and from so many on two.
const STEPS_WITH_RESTART: usize = 20;
const STEPS_WITH_TWO: usize = 36;
/// Steps of the one restart; of two, each has a quarter of all.
const RESTART_STEPS: usize = 9;
/// A restart begins at the sigma nearest to this, and goes up to the one nearest to that.
const RESTART_FROM: f64 = 0.1;
const RESTART_TO: f64 = 2.0;

/// `Restart`.
pub(super) fn sample(walk: &mut Walk<'_>, mut x: Tensor) -> Result<Tensor> {
    let mut reached = f64::INFINITY;
    for (index, (sigma, next)) in steps(walk.trajectory.points()).into_iter().enumerate() {
        if sigma > reached {
            x = walk.add_noise(x, (sigma * sigma - reached * reached).sqrt());
        }
        x = heun_step(walk, &x, sigma, next)?;
        reached = next;
        (walk.on_step)(index + 1);
    }
    Ok(x)
}

/// The steps from sigma to sigma, as many as the list has. With restarts they are spaced anew between its ends.
fn steps(sigmas: &[f64]) -> Vec<(f64, f64)> {
    let count = sigmas.len().saturating_sub(1);
    if count < STEPS_WITH_RESTART {
        return pairs(sigmas).collect();
    }
    let (length, times) = if count < STEPS_WITH_TWO { (RESTART_STEPS, 1) } else { (count / 4, 2) };
    let base = karras([sigmas[count - 1], sigmas[0]], count - length * times, KARRAS_RHO);
    let (from, to) = (nearest(&base, RESTART_FROM), nearest(&base, RESTART_TO));
    if to >= from {
        return pairs(&base).collect();
    }
    // Its final 0 is left out: the walk goes on from where the restart began.
    let again = karras([base[from], base[to]], length + 1, KARRAS_RHO);
    let again = &again[..=length];
    let restarts = std::iter::repeat_n(again, times).flat_map(pairs);
    pairs(&base[..=from]).chain(restarts).chain(pairs(&base[from..])).collect()
}

fn pairs(sigmas: &[f64]) -> impl Iterator<Item = (f64, f64)> {
    sigmas.windows(2).map(|pair| (pair[0], pair[1]))
}

/// The index of the first sigma that is nearest to `wanted`.
fn nearest(sigmas: &[f64], wanted: f64) -> usize {
    let distance = |index: &usize| (sigmas[*index] - wanted).abs();
    (0..sigmas.len()).min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap_or(0)
}
