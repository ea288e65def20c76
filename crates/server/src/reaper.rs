//! The loop that ends what time has ended: lost leases, overlong attempts, jobs that waited too long.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::state::AppState;

/// How often it looks. A lease lasts a minute and a client polls each second, so a few seconds later is soon enough.
const PERIOD: Duration = Duration::from_secs(5);

/// Calls [`jobs::JobStore::reap`] every few seconds until `shutdown`. Any number of servers may run it at once.
pub async fn run_reaper(state: AppState, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        if let Err(error) = state.store.reap().await {
            tracing::error!(%error, "the reaper could not do its round; it tries again");
        }
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
}
