//! Noise schedules: from a model's levels and a number of steps to the sigmas that a walk passes through.
//!
//! N steps have N + 1 values, from the highest to 0; "KL Optimal" alone ends at the lowest sigma, and "DDIM" may have a few
//! more. One function for each: [`by_time`] spaces time steps, [`by_sigma`] sigmas.

pub mod by_sigma;
pub mod by_time;
mod incomplete_beta;
mod levels;

pub use levels::Levels;

use protocol::{SamplerRow, SchedulerName};

/// Settings of the web UI that bend a schedule; the default bends nothing.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ScheduleOptions {
    /// For every sampler: one step more, and the smallest positive sigma left out (`always_discard_next_to_last_sigma`).
    pub discards_penultimate: bool,
    /// "Karras" from 10 to 0.1 (`use_old_karras_scheduler_sigmas`).
    pub old_karras_range: bool,
    /// The power of "Karras" and "Polyexponential"; `None`: 7 and 1.
    pub rho: Option<f64>,
    /// The lowest sigma of a list that is built from its ends; `None`: the model's.
    pub sigma_min: Option<f64>,
    /// The highest sigma of a list that is built from its ends; `None`: the model's.
    pub sigma_max: Option<f64>,
}

/// The range of "Karras" before the web UI took the model's.
const OLD_KARRAS_RANGE: [f64; 2] = [0.1, 10.0];

/// The sigmas for `steps` steps of the sampler of `row`. `scheduler` is what the request names, if it names one: the range
/// of the options acts on no schedule that was chosen automatically.
pub fn sigmas(
    scheduler: Option<SchedulerName>,
    row: &SamplerRow,
    levels: &Levels,
    steps: usize,
    options: &ScheduleOptions,
) -> Vec<f64> {
    let named = scheduler.filter(|scheduler| *scheduler != SchedulerName::Automatic);
    let range = if named.is_some() { range(levels, options) } else { levels.range() };
    let discards = row.discards_penultimate || options.discards_penultimate;
    let spaced = spaced(named.unwrap_or(row.preferred), levels, range, steps + usize::from(discards), options);
    if discards { without_penultimate(spaced) } else { spaced }
}

fn spaced(
    scheduler: SchedulerName,
    levels: &Levels,
    range: [f64; 2],
    steps: usize,
    options: &ScheduleOptions,
) -> Vec<f64> {
    match scheduler {
        SchedulerName::Automatic | SchedulerName::Uniform => by_time::uniform(levels, levels.range(), steps),
        SchedulerName::Normal => by_time::uniform(levels, range, steps),
        SchedulerName::SgmUniform => by_time::sgm_uniform(levels, range, steps),
        SchedulerName::Simple => by_time::simple(levels, steps),
        SchedulerName::Ddim => by_time::ddim(levels, steps),
        SchedulerName::Karras => {
            let range = if options.old_karras_range { OLD_KARRAS_RANGE } else { range };
            by_sigma::karras(range, steps, options.rho.unwrap_or(by_sigma::KARRAS_RHO))
        }
        SchedulerName::Exponential => by_sigma::polyexponential(range, steps, 1.0),
        SchedulerName::Polyexponential => by_sigma::polyexponential(range, steps, options.rho.unwrap_or(1.0)),
        SchedulerName::KlOptimal => by_sigma::kl_optimal(range, steps),
        SchedulerName::AlignYourSteps => by_sigma::align_your_steps(steps),
        SchedulerName::Beta => by_sigma::beta(range, steps),
    }
}

/// The options' range, where it is one: each end the model's unless given, and never turned around.
fn range(levels: &Levels, options: &ScheduleOptions) -> [f64; 2] {
    let [lowest, highest] = levels.range();
    let given = |sigma: Option<f64>| sigma.filter(|sigma| sigma.is_finite() && *sigma > 0.0);
    let [low, high] = [given(options.sigma_min).unwrap_or(lowest), given(options.sigma_max).unwrap_or(highest)];
    if low < high { [low, high] } else { [lowest, highest] }
}

/// Leaves out the value before the last.
fn without_penultimate(mut sigmas: Vec<f64>) -> Vec<f64> {
    if sigmas.len() > 2 {
        sigmas.remove(sigmas.len() - 2);
    }
    sigmas
}

/// `count` numbers from `start` to `end`, evenly; `start` alone when there is only one.
fn linspace(start: f64, end: f64, count: usize) -> impl Iterator<Item = f64> {
    let spacing = (end - start) / count.saturating_sub(1).max(1) as f64;
    (0..count).map(move |index| start + index as f64 * spacing)
}

/// The list with 0 behind it.
fn down_to_zero(sigmas: impl Iterator<Item = f64>) -> Vec<f64> {
    sigmas.chain([0.0]).collect()
}
