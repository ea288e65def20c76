//! What every process that has the store does beside its work, so that it is done wherever one runs: end what time has
//! ended, and tidy up after ended jobs.

use jobs::{JobStore, reaper};
use server::Janitor;
use tokio_util::sync::CancellationToken;
use transfer::ArtifactStore;

/// Milliseconds of a day.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Reaps and tidies until `shutdown`. Ended jobs are kept for `retention_days`; 0 is for ever.
pub(crate) async fn keep_house(
    store: JobStore,
    artifacts: ArtifactStore,
    retention_days: u32,
    shutdown: CancellationToken,
) {
    let retention_ms = (retention_days > 0).then(|| i64::from(retention_days) * DAY_MS);
    let janitor = Janitor { store: store.clone(), artifacts, retention_ms };
    tokio::join!(
        jobs::run_reaper(store, reaper::PERIOD, reaper::LEASE, shutdown.clone()),
        server::run_janitor(janitor, shutdown)
    );
}
