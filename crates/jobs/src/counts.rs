//! How many jobs and workers there are in each state.

use protocol::JobStatus;
use sqlx::Row;

use crate::error::Result;
use crate::store::JobStore;
use crate::submit::Lane;
use crate::workers::{WORKER_FORGOTTEN_MS, WORKER_SEEN_MS};
use crate::write::{DELIVERIES, RETRIED};

/// The numbers behind `/health`. Ended jobs count for ever, also when they are forgotten.
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
    /// Attempts that were lost and tried again, over all jobs.
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
    /// Counts the endpoint's jobs and workers. Jobs are not looked at: their numbers are kept with every change.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn counts(&self, endpoint: &str) -> Result<Counts> {
        let mut counts = Counts::default();
        let counters = sqlx::query("SELECT name, value FROM counters WHERE endpoint = $1").bind(endpoint);
        for row in counters.fetch_all(&self.pool).await? {
            let value: i64 = row.try_get("value")?;
            let name: &str = row.try_get("name")?;
            match name.parse() {
                Ok(JobStatus::Completed) => counts.completed = value,
                Ok(JobStatus::Failed) => counts.failed = value,
                Ok(JobStatus::InProgress) => counts.in_progress = value,
                Ok(JobStatus::InQueue) => counts.in_queue = value,
                Ok(JobStatus::Cancelled) => counts.cancelled = value,
                Ok(JobStatus::TimedOut) => counts.timed_out = value,
                Err(_) if name == RETRIED => counts.retried = value,
                Err(_) if name == DELIVERIES => counts.deliveries = value,
                Err(_) => {}
            }
        }
        counts.oldest_queued_ms = self.oldest_queued_ms(endpoint).await?;
        self.count_workers(endpoint, &mut counts).await?;
        Ok(counts)
    }

    /// Within a lane, the order of the queue is the order of age.
    async fn oldest_queued_ms(&self, endpoint: &str) -> Result<i64> {
        let mut oldest = 0;
        for lane in Lane::ALL {
            let age = self.sql(
                "SELECT {now} - created_ms FROM jobs WHERE endpoint = $2 AND status = 'IN_QUEUE' AND lane = $3
                 ORDER BY sequence LIMIT 1",
            );
            let age = sqlx::query_scalar(age).bind(self.manual_now()).bind(endpoint).bind(lane.number());
            oldest = oldest.max(age.fetch_optional(&self.pool).await?.unwrap_or(0));
        }
        Ok(oldest)
    }

    async fn count_workers(&self, endpoint: &str, counts: &mut Counts) -> Result<()> {
        let workers = self.sql(
            "SELECT state, COUNT(*) AS workers FROM (
                 SELECT CASE WHEN seen_ms > {now} - $2 THEN state ELSE 'unhealthy' END AS state
                 FROM workers WHERE seen_ms > {now} - $3 AND endpoint = $4) AS seen
             GROUP BY state",
        );
        let rows = sqlx::query(workers)
            .bind(self.manual_now())
            .bind(WORKER_SEEN_MS)
            .bind(WORKER_FORGOTTEN_MS)
            .bind(endpoint)
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
