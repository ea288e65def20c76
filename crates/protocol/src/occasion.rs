//! What a piece of work is given beside its settings: someone to tell, chance, time, and a word that it should stop. All of
//! it comes from outside, so that work can be repeated and tested.

use std::fmt;
use std::time::Duration;

use crate::{JobEvent, Stage};

/// The circumstances of one piece of work.
pub struct Occasion<'a> {
    /// Told of stages, steps and warnings. Called once a step, so it should be quick.
    pub observer: &'a mut dyn FnMut(JobEvent),
    /// Yields any 64-bit number; asked when a seed is -1.
    pub draw_seed: &'a mut dyn FnMut() -> u64,
    /// Time since any fixed moment; it never goes back.
    pub clock: &'a dyn Fn() -> Duration,
    /// Local time, `YYYYMMDDhhmmss`, for the texts that describe a picture.
    pub job_timestamp: String,
    /// How the work should be left, once it should; asked once a step.
    pub stop: &'a dyn Fn() -> Option<Leave>,
}

/// How a piece of work is left before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// Nobody wants it any more.
    Drop,
    /// In a state from which it can go on later.
    Keep,
}

impl fmt::Debug for Occasion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Occasion").field("job_timestamp", &self.job_timestamp).finish_non_exhaustive()
    }
}

impl Occasion<'_> {
    /// Tells the observer.
    pub fn tell(&mut self, event: JobEvent) {
        (self.observer)(event);
    }

    /// Tells the observer that a stage began.
    pub fn begin(&mut self, stage: Stage) {
        self.tell(JobEvent::Stage { stage });
    }

    /// Tells the observer what the job's owner should know.
    pub fn warn(&mut self, message: String) {
        self.tell(JobEvent::Warning { message });
    }

    /// Time since the clock's fixed moment.
    pub fn now(&self) -> Duration {
        (self.clock)()
    }

    /// How the work should be left, once it should.
    pub fn leave(&self) -> Option<Leave> {
        (self.stop)()
    }

    /// True once the work should be left.
    pub fn should_stop(&self) -> bool {
        self.leave().is_some()
    }

    /// Tells the observer what was decided on the owner's behalf.
    pub fn note(&mut self, message: String) {
        self.tell(JobEvent::Note { message });
    }

    /// A meter of a stage that begins now.
    pub fn meter(&self, stage: Stage, total: u64) -> ProgressMeter {
        ProgressMeter::new(stage, total, self.now())
    }

    /// A meter of a stage that goes on now, after `done` of its steps.
    pub fn meter_from(&self, stage: Stage, done: u64, total: u64) -> ProgressMeter {
        ProgressMeter { done, ..self.meter(stage, total) }
    }

    /// Tells the observer that `step` steps of the meter's stage are done.
    pub fn step(&mut self, meter: &ProgressMeter, step: u64, loss: Option<f64>) {
        let event = meter.step(step, loss, self.now());
        self.tell(event);
    }
}

/// How far a stage is, and how fast it goes.
#[derive(Debug, Clone)]
pub struct ProgressMeter {
    stage: Stage,
    total: u64,
    /// Steps done before it began.
    done: u64,
    began: Duration,
}

impl ProgressMeter {
    /// A stage of `total` steps that begins at `now`, a time since any fixed moment.
    pub fn new(stage: Stage, total: u64, now: Duration) -> Self {
        Self { stage, total, done: 0, began: now }
    }

    /// The event after `step` steps are done (from 1). Speed and time left are taken over all steps that the meter saw.
    pub fn step(&self, step: u64, loss: Option<f64>, now: Duration) -> JobEvent {
        // A clock too coarse to see the step must not yield an infinite speed: JSON has none.
        let elapsed = now.saturating_sub(self.began).as_secs_f64().max(1e-9);
        let here = step.saturating_sub(self.done);
        JobEvent::Step {
            stage: self.stage,
            step,
            total: self.total,
            loss,
            its_per_s: here as f64 / elapsed,
            seconds_left: elapsed / (here.max(1) as f64) * self.total.saturating_sub(step) as f64,
        }
    }
}
