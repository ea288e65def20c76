//! Files of ended jobs that nobody needs: those of attempts that were lost, cancelled or failed. They go at the job's end,
//! not with its retention.

use protocol::artifact::artifacts_in;
use protocol::{ArtifactKey, JobId, JobStatus};
use serde_json::Value;
use sqlx::Row;

use crate::error::Result;
use crate::json::{optional_json, parsed};
use crate::store::JobStore;

/// An ended job whose files are to be swept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    /// Which job.
    pub id: JobId,
    /// Its endpoint.
    pub endpoint: String,
    /// Which of its files stay.
    pub keep: Keep,
}

/// Files that stay when a job has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keep {
    /// Those of the attempt under the lease of this number, which completed the job.
    Lease(i64),
    /// Those that the job's partial output names; often none.
    Only(Vec<ArtifactKey>),
}

impl JobStore {
    /// At most `limit` jobs that ended at least `settled_ms` ago (time for a cancelled worker to notice) and are not swept
    /// yet. Remove their files, then call [`JobStore::mark_swept`].
    ///
    /// # Errors
    /// When the database fails.
    pub async fn jobs_to_sweep(&self, settled_ms: i64, limit: u32) -> Result<Vec<Sweep>> {
        let select = self.sql(
            "SELECT id, endpoint, status, lease, CASE WHEN status <> 'COMPLETED' THEN output END AS output
             FROM jobs JOIN job_bodies ON job = id
             WHERE done_ms IS NOT NULL AND swept = 0 AND done_ms <= {now} - $2
             ORDER BY done_ms LIMIT $3",
        );
        let rows = sqlx::query(select)
            .bind(self.manual_now())
            .bind(settled_ms)
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await?;
        let mut sweeps = Vec::with_capacity(rows.len());
        for row in &rows {
            let id: JobId = parsed(row, "id", "?")?;
            let status: JobStatus = parsed(row, "status", id.as_str())?;
            let keep = if status == JobStatus::Completed {
                Keep::Lease(row.try_get("lease")?)
            } else {
                // An output that cannot be read can be shown to nobody either.
                let output: Option<Value> = optional_json(row, "output", id.as_str()).unwrap_or(None);
                Keep::Only(output.as_ref().map(artifacts_in).unwrap_or_default())
            };
            sweeps.push(Sweep { endpoint: row.try_get("endpoint")?, id, keep });
        }
        Ok(sweeps)
    }

    /// The job's files are swept.
    ///
    /// # Errors
    /// When the database fails; the job is then swept again.
    pub async fn mark_swept(&self, id: &JobId) -> Result<()> {
        sqlx::query("UPDATE jobs SET swept = 1 WHERE id = $1").bind(id.as_str()).execute(&self.pool).await?;
        Ok(())
    }
}
