//! Schedules that choose time steps, whose sigmas the model's table gives.

use super::{Levels, down_to_zero, linspace};

/// "Uniform" and "Normal": time steps evenly from that of the highest sigma to that of the lowest, then 0.
///
/// k-diffusion's `get_sigmas`. For one step it is `[sigma_max, 0]`.
pub fn uniform(levels: &Levels, [lowest, highest]: [f64; 2], steps: usize) -> Vec<f64> {
    down_to_zero(linspace(levels.place(highest), levels.place(lowest), steps).map(|place| levels.sigma(place)))
}

/// "SGM Uniform": as "Uniform" with one step more, whose last positive sigma is left out.
pub fn sgm_uniform(levels: &Levels, [lowest, highest]: [f64; 2], steps: usize) -> Vec<f64> {
    let places = linspace(levels.place(highest), levels.place(lowest), steps + 1).take(steps);
    down_to_zero(places.map(|place| levels.sigma(place)))
}

/// "Simple": entries of the table, the i-th at i/N of it from the end, rounded down.
pub fn simple(levels: &Levels, steps: usize) -> Vec<f64> {
    let entry = |step: usize| levels.count() - 1 - step * levels.count() / steps.max(1);
    down_to_zero((0..steps).map(|step| levels.sigma(entry(step) as f64)))
}

/// "DDIM": the entries 1, 1 + c, 1 + 2c … of the table, c = count / N rounded down (Song et al., 2020). There may be a few
/// more than N.
pub fn ddim(levels: &Levels, steps: usize) -> Vec<f64> {
    let entries = ddim_entries(levels.count(), steps).rev().filter(|entry| *entry < levels.count());
    down_to_zero(entries.map(|entry| levels.sigma(entry as f64)))
}

/// DDIM's time steps out of `count`, rising: 1, 1 + c, 1 + 2c …; the last may be `count` itself, which no table has.
pub fn ddim_entries(count: usize, steps: usize) -> impl DoubleEndedIterator<Item = usize> {
    let spacing = (count / steps.max(1)).max(1);
    (0..count.div_ceil(spacing)).map(move |index| index * spacing + 1)
}
