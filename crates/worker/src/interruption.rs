//! What ends an attempt from outside.

use std::time::Duration;

use jobs::LeaseLost;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Why an attempt is to be left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interruption {
    /// The lease is gone: the job was cancelled, timed out, or belongs to another attempt. Nothing may be written.
    LeaseLost(LeaseLost),
    /// The attempt took longer than its execution timeout.
    TimedOut,
    /// The worker is told to stop.
    Stopped,
}

/// Everything that may interrupt one attempt.
#[derive(Debug)]
pub(crate) struct Interruptions {
    lost: watch::Receiver<Option<LeaseLost>>,
    shutdown: CancellationToken,
    /// By this process's own steady clock.
    deadline: Option<Instant>,
}

impl Interruptions {
    /// For an attempt that begins now.
    pub(crate) fn new(
        lost: watch::Receiver<Option<LeaseLost>>,
        shutdown: CancellationToken,
        execution_timeout_ms: Option<i64>,
    ) -> Self {
        let timeout = execution_timeout_ms.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0)));
        Self { lost, shutdown, deadline: timeout.and_then(|timeout| Instant::now().checked_add(timeout)) }
    }

    /// Waits for the next interruption; of a stop of the worker it learns `stop_grace` later. May be dropped and called
    /// again.
    pub(crate) async fn next(&mut self, stop_grace: Duration) -> Interruption {
        let (deadline, shutdown) = (self.deadline, self.shutdown.clone());
        let stopped = async {
            shutdown.cancelled().await;
            tokio::time::sleep(stop_grace).await;
        };
        tokio::select! {
            why = lease_lost(&mut self.lost) => Interruption::LeaseLost(why),
            () = passed(deadline) => Interruption::TimedOut,
            () = stopped => Interruption::Stopped,
        }
    }

    /// [`Interruptions::next`] for who writes the attempt's end: its time is of no matter any more.
    pub(crate) fn without_deadline(mut self) -> Self {
        self.deadline = None;
        self
    }
}

async fn lease_lost(lost: &mut watch::Receiver<Option<LeaseLost>>) -> LeaseLost {
    let found = lost.wait_for(Option::is_some).await.ok().and_then(|found| *found);
    // Without anybody who renews it, it will expire.
    found.unwrap_or(LeaseLost::Expired)
}

async fn passed(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
