//! A job enters the queue.

use std::fmt;

use protocol::{JobId, JobRecord};
use serde_json::Value;

use crate::error::{Result, StoreError};
use crate::record::{JOB_COLUMNS, job_record, to_json};
use crate::store::JobStore;

/// Priority of a job that asks for nothing else. Higher goes first.
pub const NORMAL_PRIORITY: i64 = 0;
/// Priority of `policy.lowPriority`: after every normal job.
pub const LOW_PRIORITY: i64 = -1;
/// Attempts of a job before it is set aside: the first one and two after lost workers. RunPod gives one; a training
/// of an hour earns another, and a job that has killed three workers will kill the fourth.
pub const DEFAULT_MAX_ATTEMPTS: i64 = 3;

/// A job to store.
#[derive(Clone, PartialEq)]
pub struct NewJob {
    /// Its id.
    pub id: JobId,
    /// The request's `input`, secrets included; they are wiped when the job ends.
    pub input: Value,
    /// Where to report the end.
    pub webhook: Option<String>,
    /// How long it may wait in the queue, counted from now; `None` means for ever.
    pub ttl_ms: Option<i64>,
    /// How long one attempt may take; `None` means for ever.
    pub execution_timeout_ms: Option<i64>,
    /// Jobs of higher priority go first; [`NORMAL_PRIORITY`] or [`LOW_PRIORITY`].
    pub priority: i64,
    /// How often it may be claimed; at least 1 is taken.
    pub max_attempts: i64,
}

impl NewJob {
    /// A job of normal priority with no limits of time.
    pub fn new(id: JobId, input: Value) -> Self {
        Self {
            id,
            input,
            webhook: None,
            ttl_ms: None,
            execution_timeout_ms: None,
            priority: NORMAL_PRIORITY,
            max_attempts: DEFAULT_MAX_ATTEMPTS,
        }
    }
}

/// Shows neither the input nor the webhook: both may hold tokens.
impl fmt::Debug for NewJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewJob")
            .field("id", &self.id)
            .field("ttl_ms", &self.ttl_ms)
            .field("execution_timeout_ms", &self.execution_timeout_ms)
            .field("priority", &self.priority)
            .field("max_attempts", &self.max_attempts)
            .finish_non_exhaustive()
    }
}

impl JobStore {
    /// Stores the job as `IN_QUEUE`. When this returns, the job is synced to disk and will be worked on.
    ///
    /// # Errors
    /// [`StoreError::JobExists`] when the id is taken; else when the database fails, and then the job is not stored.
    pub async fn submit(&self, job: NewJob) -> Result<JobRecord> {
        let insert = format!(
            "INSERT INTO jobs (id, status, priority, input, webhook, created_ms, expires_ms, execution_timeout_ms, \
             max_attempts)
             VALUES ($2, 'IN_QUEUE', $3, $4, $5, {{now}}, {{now}} + CAST($6 AS BIGINT), $7, $8)
             ON CONFLICT (id) DO NOTHING
             RETURNING {JOB_COLUMNS}"
        );
        let rows = sqlx::query(self.sql(&insert))
            .bind(self.manual_now())
            .bind(job.id.as_str())
            .bind(job.priority)
            .bind(to_json("input", &job.input)?)
            .bind(job.webhook)
            .bind(job.ttl_ms)
            .bind(job.execution_timeout_ms)
            .bind(job.max_attempts.max(1))
            // All rows, so that the statement has run to its end, and with it the commit, before this goes on.
            .fetch_all(&self.pool)
            .await?;
        let row = rows.first().ok_or(StoreError::JobExists(job.id))?;
        self.announce_change();
        job_record(row)
    }
}
