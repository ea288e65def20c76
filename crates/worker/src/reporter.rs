//! Progress on its way to the store. It is best effort: a report that cannot be written costs nothing but itself, and a slow
//! store holds nobody up.

use std::time::Duration;

use jobs::{JobStore, Lease, LeaseState};
use protocol::JobEvent;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinHandle;

use crate::heartbeat::LeaseWatch;

/// Reports that wait while the store is slow; what comes on top is left out.
const WAITING_MAX: usize = 64;
/// How long an attempt's end waits for its last reports.
const LAST_WORDS: Duration = Duration::from_secs(30);

/// Writes the reports of one attempt, one after the other.
#[derive(Debug)]
pub(crate) struct Reporter {
    waiting: Sender<JobEvent>,
    writer: JoinHandle<()>,
}

impl Reporter {
    /// A reporter for the attempt under `lease`. If the store refuses a report, the lease is gone: `lost` is told.
    pub(crate) fn start(store: JobStore, lease: Lease, lost: LeaseWatch) -> Self {
        let (waiting, reports) = mpsc::channel(WAITING_MAX);
        Self { waiting, writer: tokio::spawn(write(store, lease, lost, reports)) }
    }

    /// Reports something, unless too much waits already.
    pub(crate) fn tell(&self, event: JobEvent) {
        if self.waiting.try_send(event).is_err() {
            tracing::debug!("a report was left out: the job store is slow");
        }
    }

    /// For those who report from a task of their own and would rather wait than be left out.
    pub(crate) fn sender(&self) -> Sender<JobEvent> {
        self.waiting.clone()
    }

    /// Waits until what was reported is written, if that takes a reasonable time.
    pub(crate) async fn finish(self) {
        drop(self.waiting);
        if tokio::time::timeout(LAST_WORDS, self.writer).await.is_err() {
            tracing::warn!("the last reports of an attempt were left out: the job store is slow");
        }
    }
}

async fn write(store: JobStore, lease: Lease, lost: LeaseWatch, mut reports: Receiver<JobEvent>) {
    while let Some(event) = reports.recv().await {
        let Ok(event) = serde_json::to_value(&event) else { continue };
        match store.record_event(&lease, &event).await {
            Ok(LeaseState::Held) => {}
            Ok(LeaseState::Lost(why)) => {
                lost.send_replace(Some(why));
                return;
            }
            Err(error) => tracing::warn!(job = %lease.job, %error, "a report of progress was not written"),
        }
    }
}
