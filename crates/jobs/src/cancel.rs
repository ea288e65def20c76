//! The owner stops a job.

use protocol::{JobId, JobRecord};

use crate::error::Result;
use crate::store::JobStore;
use crate::transition::{Ending, LOCK_COLUMNS, LockedJob};

/// Most jobs cancelled in one transaction, so that purging a long queue does not hold up every other writer.
const BATCH: i64 = 100;

impl JobStore {
    /// Cancels the job wherever it is; a running attempt learns of it at its next write. A job that has ended stays as
    /// it is. Gives the job as it is afterwards, or `None` when there is none of this id.
    ///
    /// Final: once this has returned `CANCELLED`, no `COMPLETED` follows.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn cancel(&self, id: &JobId) -> Result<Option<JobRecord>> {
        let mut write = self.begin().await?;
        let Some(job) = self.lock_job(&mut write.tx, id).await? else { return Ok(None) };
        if !job.status.is_terminal() {
            self.end_job(&mut write, &job, Ending::Cancelled).await?;
            write.commit().await?;
        } else {
            drop(write);
        }
        self.outline(id).await
    }

    /// Cancels every job of the endpoint that waits; running ones go on. Gives their number.
    ///
    /// # Errors
    /// When the database fails; then some may be cancelled and the others wait on.
    pub async fn purge_queue(&self, endpoint: &str) -> Result<u64> {
        let mut removed = 0;
        loop {
            let batch = self.purge_batch(endpoint).await?;
            removed += batch;
            if batch < BATCH as u64 {
                return Ok(removed);
            }
        }
    }

    async fn purge_batch(&self, endpoint: &str) -> Result<u64> {
        let mut write = self.begin().await?;
        let select = format!(
            "SELECT {LOCK_COLUMNS} FROM jobs WHERE endpoint = $1 AND status = 'IN_QUEUE'
             ORDER BY lane DESC, sequence LIMIT $2 {{for_update}}"
        );
        let rows = sqlx::query(self.sql(&select)).bind(endpoint).bind(BATCH).fetch_all(&mut *write.tx).await?;
        for row in &rows {
            self.end_job(&mut write, &LockedJob::read(row)?, Ending::Cancelled).await?;
        }
        write.commit().await?;
        Ok(rows.len() as u64)
    }
}
