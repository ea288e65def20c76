//! How often progress is written down: a step a second is enough for a reader, and kind to the disk.

use std::time::{Duration, Instant};

use protocol::JobEvent;

/// Shortest time between two recorded steps.
pub const STEP_INTERVAL: Duration = Duration::from_secs(1);

/// Lets through every event but steps that follow another too soon.
#[derive(Debug, Default)]
pub struct Throttle {
    last_step: Option<Instant>,
}

impl Throttle {
    /// True when `event`, seen at `now`, should be recorded. The last step of a stage always is.
    pub fn admits(&mut self, event: &JobEvent, now: Instant) -> bool {
        let JobEvent::Step { step, total, .. } = event else { return true };
        let due = self.last_step.is_none_or(|last| now.duration_since(last) >= STEP_INTERVAL);
        if due || step == total {
            self.last_step = Some(now);
            return true;
        }
        false
    }
}
