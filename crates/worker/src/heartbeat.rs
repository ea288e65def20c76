//! Keeps the lease while a job runs, from a thread, a runtime and a connection of its own, so that nothing the supervisor
//! or a client does can starve it. The worker's own sign of life for `/health` goes with it.

use std::thread;
use std::time::Duration;

use jobs::{JobStore, Lease, LeaseLost, LeaseState, Presence};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Where it is written that a lease is lost, and why. Whoever learns of it first says so.
pub(crate) type LeaseWatch = watch::Sender<Option<LeaseLost>>;

/// A running heartbeat; it ends when dropped.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    stop: CancellationToken,
}

impl Heartbeat {
    /// Renews `lease` at every `interval`, and says to `lost` when the store refuses.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start(
        store: JobStore,
        presence: Presence,
        lease: Lease,
        interval: Duration,
        lost: LeaseWatch,
    ) -> std::io::Result<Self> {
        let stop = CancellationToken::new();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let stopped = stop.clone();
        thread::Builder::new().name("heartbeat".into()).spawn(move || {
            let beats = beat(&store, &presence, &lease, interval);
            if let Some(why) = runtime.block_on(stopped.run_until_cancelled(beats)) {
                tracing::info!(job = %lease.job, ?why, "lease lost");
                lost.send_replace(Some(why));
            }
        })?;
        Ok(Self { stop })
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Returns when the lease is lost. A store that does not answer takes no lease away: no reaper sees it either.
async fn beat(store: &JobStore, presence: &Presence, lease: &Lease, interval: Duration) -> LeaseLost {
    let mut own = None;
    loop {
        let store = match own.take() {
            Some(store) => Ok(store),
            None => store.separate(1).await,
        };
        match store {
            Ok(store) => {
                match store.heartbeat(lease).await {
                    Ok(LeaseState::Held) => {}
                    Ok(LeaseState::Lost(why)) => return why,
                    Err(error) => tracing::warn!(job = %lease.job, %error, "heartbeat failed"),
                }
                if let Err(error) = store.report_worker(presence).await {
                    tracing::warn!(%error, "the worker's sign of life failed");
                }
                own = Some(store);
            }
            Err(error) => tracing::warn!(job = %lease.job, %error, "the heartbeat found no way to the store"),
        }
        tokio::time::sleep(interval).await;
    }
}
