//! What a training reports while it runs. Time comes from outside, so that tests need not wait.

use std::time::Duration;

use protocol::{JobEvent, Stage};

/// Whoever wants to know how a training goes. Called once per step, so it should be quick.
pub type Observer<'a> = dyn FnMut(JobEvent) + 'a;

/// Time since some fixed moment.
pub type Clock<'a> = &'a dyn Fn() -> Duration;

/// How far a stage is.
#[derive(Debug, Clone)]
pub struct Progress {
    stage: Stage,
    total: u64,
    began: Duration,
}

impl Progress {
    /// A stage of `total` steps that begins at `now`, a time since any fixed moment.
    pub fn new(stage: Stage, total: u64, now: Duration) -> Self {
        Self { stage, total, began: now }
    }

    /// The event after `step` steps are done (from 1). Speed and time left are taken over the whole stage so far.
    pub fn step(&self, step: u64, loss: Option<f64>, now: Duration) -> JobEvent {
        // A clock too coarse to see the step must not yield an infinite speed: JSON has none.
        let elapsed = now.saturating_sub(self.began).as_secs_f64().max(1e-9);
        JobEvent::Step {
            stage: self.stage,
            step,
            total: self.total,
            loss,
            its_per_s: step as f64 / elapsed,
            seconds_left: elapsed / (step.max(1) as f64) * self.total.saturating_sub(step) as f64,
        }
    }
}
