//! What every process that has the store does beside its work, so that it is done wherever one runs: end what time has
//! ended, and tidy up after ended jobs.

use std::time::Duration;

use jobs::{JobStore, reaper};
use server::Janitor;
use tokio_util::sync::CancellationToken;
use transfer::ArtifactStore;

use crate::cli::WorkArgs;

/// Milliseconds of a day.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Reaps and tidies until `shutdown`.
pub(crate) async fn keep_house(
    store: JobStore,
    artifacts: ArtifactStore,
    args: &WorkArgs,
    shutdown: CancellationToken,
) {
    let retention_ms = (args.retention > 0).then(|| i64::from(args.retention) * DAY_MS);
    let lease = Duration::from_secs(args.lease.into());
    let period = reaper::PERIOD.min(lease / 4);
    let janitor = Janitor { store: store.clone(), artifacts, retention_ms };
    tokio::join!(jobs::run_reaper(store, period, lease, shutdown.clone()), server::run_janitor(janitor, shutdown));
}
