//! How many jobs and workers there are in each state.

use sqlx::Row;

use crate::error::Result;
use crate::store::JobStore;
use crate::workers::{WORKER_FORGOTTEN_MS, WORKER_SEEN_MS};

/// The numbers behind `/health`. Jobs count as long as the store keeps them, over restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Jobs with a result.
    pub completed: i64,
    /// Jobs that ended with an error.
    pub failed: i64,
    /// Jobs that a worker holds.
    pub in_progress: i64,
    /// Jobs that wait.
    pub in_queue: i64,
    /// Jobs that their owner stopped.
    pub cancelled: i64,
    /// Jobs that waited longer than their ttl.
    pub timed_out: i64,
    /// Attempts beyond the first, over all jobs.
    pub retried: i64,
    /// How long the oldest waiting job has waited; 0 when none waits.
    pub oldest_queued_ms: i64,
    /// Webhooks that are still to be delivered.
    pub deliveries: i64,
    /// Workers that wait for a job.
    pub workers_idle: i64,
    /// Workers that start.
    pub workers_initializing: i64,
    /// Workers that work on a job.
    pub workers_running: i64,
    /// Workers that vanished without a word.
    pub workers_unhealthy: i64,
}

impl JobStore {
    /// Counts jobs and workers.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn counts(&self) -> Result<Counts> {
        let mut counts = Counts::default();
        // SUM over BIGINT is NUMERIC in PostgreSQL, which the driver cannot carry.
        let jobs = self.sql(
            "SELECT status, COUNT(*) AS jobs,
                 CAST(SUM(CASE WHEN attempts > 1 THEN attempts - 1 ELSE 0 END) AS BIGINT) AS retried,
                 {now} - MIN(created_ms) AS oldest_ms
             FROM jobs GROUP BY status",
        );
        for row in sqlx::query(jobs).bind(self.manual_now()).fetch_all(&self.pool).await? {
            let number: i64 = row.try_get("jobs")?;
            counts.retried += row.try_get::<i64, _>("retried")?;
            match row.try_get("status")? {
                "COMPLETED" => counts.completed = number,
                "FAILED" => counts.failed = number,
                "IN_PROGRESS" => counts.in_progress = number,
                "IN_QUEUE" => {
                    counts.in_queue = number;
                    counts.oldest_queued_ms = row.try_get::<i64, _>("oldest_ms")?.max(0);
                }
                "CANCELLED" => counts.cancelled = number,
                _ => counts.timed_out = number,
            }
        }
        counts.deliveries = sqlx::query_scalar("SELECT COUNT(*) FROM outbox").fetch_one(&self.pool).await?;
        self.count_workers(&mut counts).await?;
        Ok(counts)
    }

    async fn count_workers(&self, counts: &mut Counts) -> Result<()> {
        let workers = self.sql(
            "SELECT state, COUNT(*) AS workers FROM (
                 SELECT CASE WHEN seen_ms > {now} - $2 THEN state ELSE 'unhealthy' END AS state
                 FROM workers WHERE seen_ms > {now} - $3) AS seen
             GROUP BY state",
        );
        let rows = sqlx::query(workers)
            .bind(self.manual_now())
            .bind(WORKER_SEEN_MS)
            .bind(WORKER_FORGOTTEN_MS)
            .fetch_all(&self.pool)
            .await?;
        for row in rows {
            let number: i64 = row.try_get("workers")?;
            match row.try_get("state")? {
                "idle" => counts.workers_idle = number,
                "initializing" => counts.workers_initializing = number,
                "running" => counts.workers_running = number,
                _ => counts.workers_unhealthy = number,
            }
        }
        Ok(())
    }
}
