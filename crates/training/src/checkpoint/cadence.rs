//! When a checkpoint is due: so seldom that writing costs at most a twentieth of the time.

use std::time::Duration;

/// Time between two checkpoints, in times of writing one: of 20 such times writing takes one, which is 5 %.
const WRITING_TIMES: u32 = 19;
/// Less is not worth keeping, however fast it is written.
const INTERVAL_MIN: Duration = Duration::from_secs(30);

/// When to write while a stage runs.
///
/// The clock is not asked after each step, because on a GPU looking at the state makes the host wait: from what the steps took
/// so far follows the step at which to look again, at most twice as many steps after the last write.
#[derive(Debug)]
pub(super) struct Cadence {
    /// Steps between two checkpoints, when that is fixed.
    fixed: Option<u64>,
    /// Steps of the stage.
    steps: u64,
    /// Step and time since which nothing was written.
    since: (u64, Duration),
    /// The step at which to look again; `None`: not in this stage.
    next: Option<u64>,
}

impl Cadence {
    /// For a stage of `steps` steps that begins or goes on at `step` and `now`.
    pub(super) fn new(fixed: Option<u64>, steps: u64, step: u64, now: Duration) -> Self {
        Self { fixed, steps, since: (step, now), next: Some(step + 1) }
    }

    /// Whether to look after `step` steps. Neither the beginning nor the last step needs a checkpoint.
    pub(super) fn is_due(&self, step: u64) -> bool {
        (1..self.steps).contains(&step)
            && match self.fixed {
                Some(interval) => step.is_multiple_of(interval.max(1)),
                None => self.next.is_some_and(|next| step >= next),
            }
    }

    /// Whether to write at a step that is due, when writing would take `cost`.
    pub(super) fn look(&mut self, step: u64, now: Duration, cost: Duration) -> bool {
        if self.fixed.is_some() {
            return true;
        }
        let steps = step.saturating_sub(self.since.0).max(1);
        let took = now.saturating_sub(self.since.1).as_secs_f64();
        let per_step = took / steps as f64;
        let interval = (cost * WRITING_TIMES).max(INTERVAL_MIN).as_secs_f64();
        let rest = self.steps.saturating_sub(step) as f64 * per_step;
        if rest < interval {
            self.next = None;
            return false;
        }
        let wait = ((interval - took) / per_step.max(1e-9)).ceil();
        self.next = Some(step + (wait as u64).clamp(1, steps));
        took >= interval
    }

    /// One was written, or could not be, and that has ended `now`.
    pub(super) fn rest(&mut self, step: u64, now: Duration) {
        self.since = (step, now);
        self.next = Some(step + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a stage of steps of `step_s` seconds where writing takes `write_s`; gives the steps written at, and the share of
    /// the time that writing took.
    fn written(fixed: Option<u64>, steps: u64, step_s: f64, write_s: f64) -> (Vec<u64>, f64) {
        let write = Duration::from_secs_f64(write_s);
        let (mut now, mut written) = (Duration::ZERO, Vec::new());
        let mut cadence = Cadence::new(fixed, steps, 0, now);
        for step in 1..=steps {
            now += Duration::from_secs_f64(step_s);
            if cadence.is_due(step) && cadence.look(step, now, write) {
                now += write;
                cadence.rest(step, now);
                written.push(step);
            }
        }
        let share = write_s * written.len() as f64 / now.as_secs_f64();
        (written, share)
    }

    #[test]
    fn writing_costs_at_most_five_percent_and_hardly_less_than_it_may() {
        let (steps, share) = written(None, 10_000, 1.0, 20.0);
        assert!(share <= 0.05 && share > 0.045, "{share}");
        assert_eq!(steps[0], 380, "the first one after 19 times what writing takes");
        let (_, share) = written(None, 100, 60.0, 20.0);
        assert!(share <= 0.05 && share > 0.04, "{share}");
    }

    #[test]
    fn nothing_is_written_when_the_rest_is_shorter_than_the_interval() {
        assert!(written(None, 300, 1.0, 20.0).0.is_empty());
        assert_eq!(written(None, 1000, 1.0, 20.0).0, [380], "after 760 only 240 of 380 seconds are left");
    }

    #[test]
    fn what_is_written_at_once_is_still_not_written_at_every_step() {
        let (steps, _) = written(None, 1000, 0.1, 0.001);
        assert_eq!(steps, [300, 600]); // After 900, 10 of 30 seconds are left.
    }

    #[test]
    fn a_fixed_interval_is_kept_but_for_the_last_step() {
        assert_eq!(written(Some(1), 4, 0.0, 9.0).0, [1, 2, 3]);
        assert_eq!(written(Some(3), 9, 0.0, 9.0).0, [3, 6]);
    }
}
