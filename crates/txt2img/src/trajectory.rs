//! What a walk passes through, highest noise first.

use engine::tch::Tensor;
use model::NoiseSchedule;
use protocol::sampler::{SamplerRow, Walks};
use protocol::{SamplerChoice, SchedulerName};

use crate::schedule::{Levels, ScheduleOptions, by_time, sigmas};

/// Of how many levels of the training a latent consistency model knows one.
const LCM_SKIP: usize = 20;
/// UniPC's last time; its first is 1.
const UNIPC_END: f64 = 0.001;

/// The sigmas or time steps of a walk, and where on them it begins.
///
/// For the k-diffusion family points are sigmas; for DDIM and PLMS whole time steps; for UniPC times in (0, 1].
#[derive(Debug, Clone, PartialEq)]
pub struct Trajectory {
    points: Vec<f64>,
    start: usize,
    in_sigmas: bool,
    /// The model's lowest sigma.
    lowest: f64,
}

impl Trajectory {
    /// The whole trajectory of `steps` steps, spaced as `choice` and `options` say.
    pub fn new(choice: SamplerChoice, schedule: &NoiseSchedule, steps: u32, options: &ScheduleOptions) -> Self {
        let (row, steps) = (choice.sampler.row(), steps as usize);
        let points = points(row, choice.scheduler, schedule, steps, options);
        let in_sigmas = !matches!(row.walks, Walks::TimeSteps | Walks::Time);
        Self { points, start: 0, in_sigmas, lowest: schedule.sigmas().first().copied().unwrap_or(0.0) }
    }

    /// A walk along these sigmas, at least two, falling.
    pub fn of_sigmas(points: Vec<f64>) -> Self {
        let lowest = points.iter().copied().rfind(|sigma| *sigma > 0.0).unwrap_or(0.0);
        Self { points, start: 0, in_sigmas: true, lowest }
    }

    /// UniPC's walk from a time in (0, 1] in so many equal intervals.
    pub fn of_times(start: f64, intervals: usize) -> Self {
        let point = |index: usize| start + (UNIPC_END - start) * index as f64 / intervals.max(1) as f64;
        Self { points: (0..=intervals).map(point).collect(), start: 0, in_sigmas: false, lowest: 0.0 }
    }

    /// The same trajectory, begun at its point `start`: the second pass of a hires fix walks along such a tail. A start
    /// beyond the end is the end.
    #[must_use]
    pub fn tail(&self, start: usize) -> Self {
        Self { start: start.min(self.points.len().saturating_sub(1)), ..self.clone() }
    }

    /// The points that are walked, the first being where the walk begins.
    pub fn points(&self) -> &[f64] {
        &self.points[self.start..]
    }

    /// Number of steps between them.
    pub fn steps(&self) -> usize {
        self.points().len().saturating_sub(1)
    }

    /// Each step's point and the next.
    pub fn pairs(&self) -> impl Iterator<Item = (f64, f64)> {
        self.points().windows(2).map(|pair| (pair[0], pair[1]))
    }

    /// The highest and the lowest positive sigma that are walked; where these are one, the latter is the model's.
    pub fn span(&self) -> [f64; 2] {
        let high = self.points().first().copied().unwrap_or(0.0);
        let low = self.points().iter().copied().rfind(|sigma| *sigma > 0.0).unwrap_or(high);
        [high, if low < high { low } else { self.lowest.min(high) }]
    }

    /// The lowest positive and the highest sigma of the whole list, walked or not: the interval of a Brownian path.
    pub fn interval(&self) -> [f64; 2] {
        let positive = self.points.iter().copied().filter(|sigma| *sigma > 0.0);
        [positive.clone().fold(f64::INFINITY, f64::min), positive.fold(0.0, f64::max)]
    }

    /// The first `x` from N(0, 1) noise: scaled by the first sigma, or left as it is where the points are time steps.
    pub fn first_latents(&self, noise: &Tensor) -> Tensor {
        match self.points().first() {
            Some(sigma) if self.in_sigmas => noise * *sigma,
            _ => noise.shallow_clone(),
        }
    }
}

fn points(
    row: &SamplerRow,
    scheduler: Option<SchedulerName>,
    schedule: &NoiseSchedule,
    steps: usize,
    options: &ScheduleOptions,
) -> Vec<f64> {
    let entries = || by_time::ddim_entries(schedule.sigmas().len(), steps);
    match row.walks {
        Walks::Sigmas => sigmas(scheduler, row, &Levels::new(schedule), steps, options),
        Walks::ReducedSigmas => sigmas(scheduler, row, &Levels::reduced(schedule, LCM_SKIP), steps, options),
        Walks::SigmaSpan => sigmas(None, row, &Levels::new(schedule), steps, &ScheduleOptions::default()),
        Walks::TimeSteps => {
            let last = schedule.sigmas().len().saturating_sub(1);
            entries().rev().map(|entry| entry.min(last) as f64).collect()
        }
        // As many intervals as DDIM's list has entries.
        Walks::Time => Trajectory::of_times(1.0, entries().count()).points,
    }
}
