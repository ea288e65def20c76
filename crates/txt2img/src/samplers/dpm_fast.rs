//! DPM-Solver-fast (Lu et al., "DPM-Solver", 2022, section 3.4): steps of order 3, evenly in t = -ln sigma, and lower orders
//! at the end, so that the number of evaluations is the one that was asked for. It ends at the lowest sigma, not at 0.

use engine::tch::Tensor;

use super::dpm_solver::{Step, ancestral_time, noise_at, time_of};
use crate::error::Result;
use crate::sampler::Walk;

/// `DPM fast`.
pub(super) fn sample(walk: &mut Walk<'_>, mut x: Tensor) -> Result<Tensor> {
    let [start, end] = walk.trajectory.span().map(time_of);
    let orders = orders(walk.trajectory.steps());
    let length = (end - start) / orders.len().max(1) as f64;
    let mut evaluations = 0;
    for (index, &order) in orders.iter().enumerate() {
        let (t, next) = (start + length * index as f64, start + length * (index + 1) as f64);
        let (down, up) = ancestral_time(t, next, end, walk.settings.eta);
        x = step(walk, &x, t, down, order)?;
        // Drawn even when it is not used.
        x = walk.add_noise(x, up * walk.settings.s_noise);
        for _ in 0..order {
            evaluations += 1;
            (walk.on_step)(evaluations);
        }
    }
    Ok(x)
}

/// The orders of the steps; they add up to `evaluations`.
fn orders(evaluations: usize) -> Vec<usize> {
    let threes = evaluations / 3;
    match evaluations % 3 {
        0 if threes > 0 => [vec![3; threes - 1], vec![2, 1]].concat(),
        rest => [vec![3; threes], vec![rest; rest.min(1)]].concat(),
    }
}

fn step(walk: &mut Walk<'_>, x: &Tensor, t: f64, next: f64, order: usize) -> Result<Tensor> {
    let noise = &noise_at(walk, x, t)?;
    let step = Step { x, t, h: next - t, noise };
    match order {
        1 => Ok(step.first(1.0)),
        2 => {
            let noise_half = noise_at(walk, &step.first(0.5), t + 0.5 * step.h)?;
            Ok(step.second(0.5, &noise_half))
        }
        _ => {
            let noise_third = noise_at(walk, &step.first(1.0 / 3.0), t + step.h / 3.0)?;
            step.third(walk, &noise_third)
        }
    }
}
