//! Keeps the lease while a job runs, from a thread and runtime of its own, so that nothing the supervisor does can starve
//! it. The worker's own sign of life for `/health` goes with it.

use std::thread;
use std::time::{Duration, Instant};

use jobs::{JobStore, Lease, LeaseState, WorkerState};
use tokio_util::sync::CancellationToken;

/// A running heartbeat; it ends when dropped.
#[derive(Debug)]
pub struct Heartbeat {
    lost: CancellationToken,
    stop: CancellationToken,
}

impl Heartbeat {
    /// Renews `lease` for `lease_ms` at every `interval`.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        store: JobStore,
        worker: String,
        lease: Lease,
        lease_ms: i64,
        interval: Duration,
    ) -> std::io::Result<Self> {
        let heartbeat = Self { lost: CancellationToken::new(), stop: CancellationToken::new() };
        let (lost, stop) = (heartbeat.lost.clone(), heartbeat.stop.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new().name("heartbeat".into()).spawn(move || {
            // Whatever ends the loop but a stop, the lease can no longer be relied on.
            let _lost = lost.drop_guard();
            runtime.block_on(stop.run_until_cancelled(beat(&store, &worker, &lease, lease_ms, interval)));
        })?;
        Ok(heartbeat)
    }

    /// Ends when the lease is lost (or the heartbeat was stopped).
    pub async fn lost(&self) {
        self.lost.cancelled().await;
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Returns when the lease is lost, or could not be renewed until it must have expired.
async fn beat(store: &JobStore, worker: &str, lease: &Lease, lease_ms: i64, interval: Duration) {
    let expires_after = Duration::from_millis(u64::try_from(lease_ms).unwrap_or(0));
    let mut renewed = Instant::now();
    loop {
        tokio::time::sleep(interval).await;
        if let Err(error) = store.heartbeat_worker(worker, WorkerState::Running).await {
            tracing::warn!(%error, "the worker's sign of life failed");
        }
        match store.heartbeat(lease, lease_ms).await {
            Ok(LeaseState::Held) => renewed = Instant::now(),
            Ok(LeaseState::Lost(why)) => {
                tracing::info!(job = %lease.job, ?why, "lease lost");
                return;
            }
            Err(error) => {
                tracing::warn!(job = %lease.job, %error, "heartbeat failed");
                if renewed.elapsed() >= expires_after {
                    return;
                }
            }
        }
    }
}
