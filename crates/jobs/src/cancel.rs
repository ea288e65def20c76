//! The owner stops a job.

use protocol::{JobId, JobRecord};

use crate::error::Result;
use crate::store::JobStore;
use crate::transition::{Ending, LOCK_COLUMNS, LockedJob};

impl JobStore {
    /// Cancels the job wherever it is; a running attempt learns of it at its next write. A job that has ended stays as
    /// it is. Gives the job as it is afterwards, or `None` when there is none of this id.
    ///
    /// Final: once this has returned `CANCELLED`, no `COMPLETED` follows.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn cancel(&self, id: &JobId) -> Result<Option<JobRecord>> {
        let mut tx = self.begin().await?;
        let Some(job) = self.lock_job(&mut tx, id).await? else { return Ok(None) };
        if !job.status.is_terminal() {
            self.end_job(&mut tx, &job, Ending::Cancelled).await?;
        }
        tx.commit().await?;
        self.announce_change();
        self.get(id).await
    }

    /// Cancels every job that waits; running ones go on. Gives their number.
    ///
    /// # Errors
    /// When the database fails; then none is cancelled.
    pub async fn purge_queue(&self) -> Result<u64> {
        let mut tx = self.begin().await?;
        let select =
            format!("SELECT {LOCK_COLUMNS} FROM jobs WHERE status = 'IN_QUEUE' ORDER BY sequence {{for_update}}");
        let rows = sqlx::query(self.sql(&select)).fetch_all(&mut *tx).await?;
        for row in &rows {
            self.end_job(&mut tx, &LockedJob::read(row)?, Ending::Cancelled).await?;
        }
        tx.commit().await?;
        self.announce_change();
        Ok(rows.len() as u64)
    }
}
