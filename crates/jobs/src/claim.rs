//! A worker takes a job.

use std::fmt;

use protocol::JobRecord;
use sqlx::Row;

use crate::error::Result;
use crate::lease::Lease;
use crate::record::{JOB_COLUMNS, job_record};
use crate::store::JobStore;

/// A claimed job.
#[derive(Clone, PartialEq)]
pub struct Claim {
    /// The job, with the secrets of its input.
    pub job: JobRecord,
    /// The right to work on it, and the proof that every write needs.
    pub lease: Lease,
    /// When this attempt must have ended, in milliseconds of the store's clock.
    pub execution_deadline_ms: Option<i64>,
    /// The time until that deadline at the moment of the claim, for a timer of the worker's own.
    pub execution_timeout_ms: Option<i64>,
}

/// Does not show the job's input: it may hold tokens.
impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim")
            .field("lease", &self.lease)
            .field("attempts", &self.job.attempts)
            .field("execution_deadline_ms", &self.execution_deadline_ms)
            .finish_non_exhaustive()
    }
}

impl JobStore {
    /// Takes the next job for `worker`, or `None` when nothing waits. The order: priority, then age; so a
    /// job that lost an attempt comes before those that were never claimed. The lease ends `lease_ms` from now unless [`JobStore::heartbeat`] prolongs it.
    ///
    /// One statement: two workers never get the same job.
    ///
    /// # Errors
    /// When the database fails or the stored job cannot be read.
    pub async fn claim(&self, worker: &str, lease_ms: i64) -> Result<Option<Claim>> {
        let update = format!(
            "UPDATE jobs SET status = 'IN_PROGRESS', worker = $2, attempts = attempts + 1, started_ms = {{now}},
                 lease = lease + 1, lease_until_ms = {{now}} + $3,
                 execution_deadline_ms = {{now}} + execution_timeout_ms
             WHERE status = 'IN_QUEUE' AND id = (
                 SELECT id FROM jobs WHERE status = 'IN_QUEUE' AND (expires_ms IS NULL OR expires_ms > {{now}})
                 ORDER BY priority DESC, sequence LIMIT 1 {{skip_locked}})
             RETURNING lease, execution_deadline_ms, execution_timeout_ms, {JOB_COLUMNS}"
        );
        let rows = sqlx::query(self.sql(&update))
            .bind(self.manual_now())
            .bind(worker)
            .bind(lease_ms)
            // All rows, so that the statement has run to its end, and with it the commit, before the work begins.
            .fetch_all(&self.pool)
            .await?;
        let Some(row) = rows.first() else { return Ok(None) };
        self.announce_change();
        let job = job_record(row)?;
        let lease = Lease { job: job.id.clone(), number: row.try_get("lease")? };
        Ok(Some(Claim {
            job,
            lease,
            execution_deadline_ms: row.try_get("execution_deadline_ms")?,
            execution_timeout_ms: row.try_get("execution_timeout_ms")?,
        }))
    }
}
