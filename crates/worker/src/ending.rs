//! How an attempt's end is written down. Whatever the store's state, work is not thrown away: an ending is written again and
//! again, under a living heartbeat, until it is stored or refused.

use std::time::Duration;

use jobs::{JobStore, Lease, LeaseLost, LeaseState, StoreError};
use protocol::{Failure, FailureCode};
use serde_json::Value;

use crate::attempt::Cut;
use crate::interruption::{Interruption, Interruptions};
use crate::pauses::Pauses;

/// RunPod's phrase for an attempt that took too long.
pub(crate) const OVERRAN: &str = "executionTimeout exceeded";

/// What is to be written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Ending {
    /// The job is done.
    Completed(Value),
    /// The job failed, with what there is of its output.
    Failed(Failure, Option<Value>),
    /// The attempt is lost.
    Released(Failure),
    /// The attempt does not count; without a reason the worker was told to stop.
    HandedBack(Option<Failure>),
}

impl Ending {
    /// How a cut ends; `None` when the lease is gone and nothing may be written.
    pub(crate) fn of(cut: Cut, partial: Option<Value>) -> Option<Self> {
        Some(match cut {
            Cut::Failed(failure) if failure.ends_the_job() => Self::Failed(failure, partial),
            Cut::Failed(failure) => Self::Released(failure),
            Cut::Unable(failure) => Self::HandedBack(Some(failure)),
            Cut::Interrupted(Interruption::TimedOut) => {
                Self::Failed(Failure::new(FailureCode::ExecutionTimeout, OVERRAN), partial)
            }
            Cut::Interrupted(Interruption::Stopped) => Self::HandedBack(None),
            Cut::Interrupted(Interruption::LeaseLost(_)) => return None,
        })
    }

    /// Writes the end until the store has answered, with growing pauses. Gives up when the lease is lost, or `grace` after
    /// the worker was told to stop; the job's folder then still holds what was made.
    pub(crate) async fn write(
        &self,
        store: &JobStore,
        lease: &Lease,
        pauses: Pauses,
        interruptions: &mut Interruptions,
        grace: Duration,
    ) -> Result<LeaseState, Interruption> {
        let mut failures = 0;
        loop {
            let error = match self.try_write(store, lease).await {
                Ok(state) => return Ok(state),
                Err(error) => error,
            };
            failures += 1;
            tracing::warn!(job = %lease.job, failures, %error, "the attempt's end is not stored yet; trying again");
            tokio::select! {
                () = tokio::time::sleep(pauses.after(failures)) => {}
                interruption = interruptions.next(grace) => return Err(interruption),
            }
        }
    }

    /// For the log.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Completed(_) => "completed",
            Self::Failed(..) => "failed",
            Self::Released(_) => "lost",
            Self::HandedBack(_) => "handed back",
        }
    }

    async fn try_write(&self, store: &JobStore, lease: &Lease) -> Result<LeaseState, StoreError> {
        match self {
            Self::Completed(output) => store.complete(lease, output).await,
            Self::Failed(failure, partial) => store.fail(lease, failure, partial.as_ref()).await,
            Self::Released(failure) => store.release(lease, failure).await,
            Self::HandedBack(reason) => store.hand_back(lease, reason.as_ref()).await,
        }
    }
}

/// Why the job is not this worker's any more, if it is not.
pub(crate) fn loss(written: &Result<LeaseState, Interruption>) -> Option<LeaseLost> {
    match written {
        Ok(LeaseState::Lost(why)) | Err(Interruption::LeaseLost(why)) => Some(*why),
        Ok(LeaseState::Held) | Err(Interruption::Stopped | Interruption::TimedOut) => None,
    }
}
