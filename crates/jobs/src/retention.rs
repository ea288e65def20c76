//! Ended jobs are kept for a while, then forgotten. Their counters are not.

use protocol::JobId;
use sqlx::Row;

use crate::error::Result;
use crate::json::parsed;
use crate::store::JobStore;

/// A job whose time in the store is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpiredJob {
    /// Which one.
    pub id: JobId,
    /// Its endpoint.
    pub endpoint: String,
}

impl JobStore {
    /// At most `limit` ended jobs that are past their own retention, or past `default_ms` when they have none. Remove their
    /// files, then call [`JobStore::forget_job`]. A job whose webhook is still to be delivered is not among them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn expired_jobs(&self, default_ms: i64, limit: u32) -> Result<Vec<ExpiredJob>> {
        let mut expired = Vec::new();
        for (condition, order) in [
            ("forget_ms IS NOT NULL AND forget_ms <= {now} AND CAST($2 AS BIGINT) IS NOT NULL", "forget_ms"),
            ("done_ms IS NOT NULL AND forget_ms IS NULL AND done_ms <= {now} - $2", "done_ms"),
        ] {
            let select = format!(
                "SELECT id, endpoint FROM jobs
                 WHERE {condition} AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.job = jobs.id)
                 ORDER BY {order} LIMIT $3"
            );
            let rows = sqlx::query(self.sql(&select))
                .bind(self.manual_now())
                .bind(default_ms)
                .bind(i64::from(limit) - expired.len() as i64)
                .fetch_all(&self.pool)
                .await?;
            for row in &rows {
                expired.push(ExpiredJob { id: parsed(row, "id", "?")?, endpoint: row.try_get("endpoint")? });
            }
        }
        Ok(expired)
    }

    /// Deletes an ended job with its bodies, events, idempotency key and delivery log. False when there is no such job or
    /// it has not ended.
    ///
    /// # Errors
    /// When the database fails; then nothing is deleted.
    pub async fn forget_job(&self, id: &JobId) -> Result<bool> {
        let mut write = self.begin().await?;
        let Some(job) = self.lock_job(&mut write.tx, id).await?.filter(|job| job.status.is_terminal()) else {
            return Ok(false);
        };
        self.drop_deliveries(&mut write, &job).await?;
        // Everything else that hangs on the job goes with its row.
        sqlx::query("DELETE FROM jobs WHERE id = $1").bind(id.as_str()).execute(&mut *write.tx).await?;
        write.commit().await?;
        Ok(true)
    }

    /// Sets how long the job is kept: from now when it has ended, else from its end. False when there is no such job.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_retention(&self, id: &JobId, retention_ms: i64) -> Result<bool> {
        let update = self.sql(
            "UPDATE jobs SET retention_ms = $2, forget_ms = CASE WHEN done_ms IS NOT NULL THEN {now} + $2 END
             WHERE id = $3",
        );
        let done = sqlx::query(update)
            .bind(self.manual_now())
            .bind(retention_ms.max(0))
            .bind(id.as_str())
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() > 0)
    }
}
