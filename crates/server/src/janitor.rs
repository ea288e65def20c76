//! What nobody needs goes: the files of cancelled and failed jobs and of attempts that were lost, soon after the job's
//! end; ended jobs with all their files, when they were kept long enough.
//!
//! Files go first and the store's note of them last, so that a janitor which dies in between is followed by another that
//! finds the rest. Any number may work at once, in servers and in workers.

use std::time::Duration;

use jobs::{JobStore, Keep, StoreError, Sweep};
use protocol::{ArtifactKey, JobId};
use tokio_util::sync::CancellationToken;
use transfer::{ArtifactStore, TransferError};

/// How long ended jobs are kept unless the operator says otherwise: as long as the addresses of their files are good.
pub const RETENTION_DEFAULT_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// How often it looks.
const PERIOD: Duration = Duration::from_secs(60);

/// How long ago a job must have ended before its files are swept: two heartbeats, in which an attempt that was cancelled
/// notices. What a frozen one stores even later goes with the job.
const SETTLED_MS: i64 = 30_000;

/// Jobs that are read at once.
const BATCH: u32 = 100;

/// A janitor for one store and its files.
#[derive(Debug, Clone)]
pub struct Janitor {
    /// The jobs.
    pub store: JobStore,
    /// Their files.
    pub artifacts: ArtifactStore,
    /// How long an ended job is kept that has no retention of its own, in milliseconds; `None` is for ever.
    pub retention_ms: Option<i64>,
}

/// What one [`Janitor::tidy`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tidied {
    /// Ended jobs whose needless files are gone.
    pub swept: usize,
    /// Jobs that are gone with all their files.
    pub forgotten: usize,
}

/// Tidies every minute until `shutdown`.
pub async fn run_janitor(janitor: Janitor, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        match janitor.tidy().await {
            Ok(Tidied { swept: 0, forgotten: 0 }) => {}
            Ok(Tidied { swept, forgotten }) => tracing::info!(swept, forgotten, "ended jobs tidied up"),
            Err(error) => tracing::error!(%error, "the janitor could not do its round; it tries again"),
        }
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
}

impl Janitor {
    /// Does what there is to do now. A file that cannot be deleted is logged, and its job left for the next round.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn tidy(&self) -> Result<Tidied, StoreError> {
        Ok(Tidied { swept: self.sweep().await?, forgotten: self.forget().await? })
    }

    async fn sweep(&self) -> Result<usize, StoreError> {
        let mut swept = 0;
        loop {
            let jobs = self.store.jobs_to_sweep(SETTLED_MS, BATCH).await?;
            let mut done = 0;
            for job in &jobs {
                if is_gone(&job.id, &self.remove_needless(job).await) {
                    self.store.mark_swept(&job.id).await?;
                    done += 1;
                }
            }
            swept += done;
            if done < BATCH as usize {
                return Ok(swept);
            }
        }
    }

    async fn remove_needless(&self, sweep: &Sweep) -> Result<(), TransferError> {
        let kept = match &sweep.keep {
            Keep::Lease(lease) => Some(*lease),
            // A partial output is the last attempt's, as a whole.
            Keep::Only(files) => files.iter().map(ArtifactKey::lease).max(),
        };
        self.artifacts.keep_only(&sweep.id, kept).await
    }

    async fn forget(&self) -> Result<usize, StoreError> {
        // No job is as old as this.
        let retention_ms = self.retention_ms.unwrap_or(i64::MAX);
        let mut forgotten = 0;
        loop {
            let jobs = self.store.expired_jobs(retention_ms, BATCH).await?;
            let mut done = 0;
            for job in &jobs {
                if is_gone(&job.id, &self.artifacts.delete_job(&job.id).await) {
                    self.store.forget_job(&job.id).await?;
                    done += 1;
                }
            }
            forgotten += done;
            if done < BATCH as usize {
                return Ok(forgotten);
            }
        }
    }
}

fn is_gone(job: &JobId, removed: &Result<(), TransferError>) -> bool {
    if let Err(error) = removed {
        tracing::error!(%job, %error, "files of an ended job cannot be deleted; the next round tries again");
    }
    removed.is_ok()
}
