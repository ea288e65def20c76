//! A job enters the queue.

use std::fmt;

use protocol::{JobId, JobRecord, JobStatus};
use serde_json::Value;

use crate::error::{Result, StoreError};
use crate::idempotency::{Idempotency, Known};
use crate::json::to_json;
use crate::seal::Purpose;
use crate::store::JobStore;
use crate::write::Write;

/// Attempts of a job before it is set aside: the first one and two after lost workers. RunPod gives one; a training
/// of an hour earns another, and a job that has killed three workers will kill the fourth.
pub const DEFAULT_MAX_ATTEMPTS: i64 = 3;

/// Jobs of a higher lane go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Lane {
    /// `policy.lowPriority`: after every normal job.
    Low,
    /// What asks for nothing else.
    #[default]
    Normal,
}

impl Lane {
    /// All lanes, from the first to the last.
    pub const ALL: [Self; 2] = [Self::Normal, Self::Low];

    /// The number in the table; higher goes first.
    pub(crate) fn number(self) -> i64 {
        match self {
            Self::Low => -1,
            Self::Normal => 0,
        }
    }
}

/// A job to store.
#[derive(Clone, PartialEq)]
pub struct NewJob {
    /// Its id.
    pub id: JobId,
    /// The endpoint whose workers take it.
    pub endpoint: String,
    /// Id of the key that it was submitted with.
    pub owner: Option<String>,
    /// What the client sent, as views show it: without secrets.
    pub request: Value,
    /// What the worker is given: checked, and without secrets.
    pub work: Value,
    /// What the worker is given besides: sealed here, and deleted when the job ends.
    pub secrets: Option<Value>,
    /// Where to report the end; sealed here.
    pub webhook: Option<String>,
    /// How long it may wait to be picked up, counted from now; `None` means for ever.
    pub ttl_ms: Option<i64>,
    /// How long one attempt may take; `None` means for ever.
    pub execution_timeout_ms: Option<i64>,
    /// Jobs of a higher lane go first.
    pub lane: Lane,
    /// How often it may be claimed; at least 1 is taken.
    pub max_attempts: i64,
    /// How long the ended job is kept; `None` leaves it to the operator's default.
    pub retention_ms: Option<i64>,
    /// The client's name for this request.
    pub idempotency: Option<Idempotency>,
}

/// What became of a submission.
#[derive(Debug, Clone, PartialEq)]
pub enum Submission {
    /// The job is stored and waits.
    Stored(JobRecord),
    /// This earlier job has the same owner, idempotency key and body; nothing was stored.
    Earlier(JobRecord),
    /// The idempotency key was used with another body within the last day; nothing was stored.
    Conflict,
}

impl NewJob {
    /// A job of the normal lane, without secrets, webhook, owner and limits of time.
    pub fn new(id: JobId, endpoint: impl Into<String>, request: Value, work: Value) -> Self {
        Self {
            id,
            endpoint: endpoint.into(),
            owner: None,
            request,
            work,
            secrets: None,
            webhook: None,
            ttl_ms: None,
            execution_timeout_ms: None,
            lane: Lane::Normal,
            max_attempts: DEFAULT_MAX_ATTEMPTS,
            retention_ms: None,
            idempotency: None,
        }
    }
}

/// Shows neither bodies nor secrets.
impl fmt::Debug for NewJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewJob")
            .field("id", &self.id)
            .field("endpoint", &self.endpoint)
            .field("owner", &self.owner)
            .field("ttl_ms", &self.ttl_ms)
            .field("execution_timeout_ms", &self.execution_timeout_ms)
            .field("lane", &self.lane)
            .field("max_attempts", &self.max_attempts)
            .field("retention_ms", &self.retention_ms)
            .finish_non_exhaustive()
    }
}

impl JobStore {
    /// Stores the job as `IN_QUEUE`, if not more than `queue_max` jobs of its endpoint wait then. When this returns, the
    /// job is synced to disk and will be worked on.
    ///
    /// # Errors
    /// [`StoreError::QueueFull`], [`StoreError::JobExists`] when the id is taken; else when the database fails, and then
    /// the job is not stored, or it is and nobody knows its id: an idempotency key tells.
    pub async fn submit(&self, job: NewJob, queue_max: Option<i64>) -> Result<Submission> {
        let bodies = self.bodies(&job)?;
        let mut write = self.begin().await?;
        // First of all, so that submissions wait for each other here and nowhere else.
        let queued = write.count_submission(&job.endpoint).await?;
        if let Some(key) = &job.idempotency {
            match self.look_up_key(&mut write, &job, key).await? {
                Known::New => {}
                Known::Other => return Ok(Submission::Conflict),
                Known::Same(earlier) => {
                    // The key's row refers to the job, so the job is there.
                    let earlier = self.read_job(&mut write.tx, &earlier).await?;
                    return earlier.map(Submission::Earlier).ok_or(StoreError::JobExists(job.id));
                }
            }
        }
        if let Some(limit) = queue_max.filter(|limit| queued > *limit) {
            return Err(StoreError::QueueFull { endpoint: job.endpoint, limit });
        }
        let created_ms = self.insert_job(&mut write, &job).await?;
        bodies.insert(&mut write, &job.id).await?;
        if let Some(key) = &job.idempotency {
            self.remember_key(&mut write, &job, key).await?;
        }
        write.commit().await?;
        Ok(Submission::Stored(queued_record(job, created_ms)))
    }

    /// What is written of the job's bodies: made before the transaction, which holds up every other writer.
    fn bodies(&self, job: &NewJob) -> Result<Bodies> {
        let mut sealed = Vec::new();
        if let Some(secrets) = &job.secrets {
            let plain = to_json("secrets", secrets)?;
            sealed.push((Purpose::Secrets, self.master_key.seal(&job.id, Purpose::Secrets, plain.as_bytes())?));
        }
        if let Some(webhook) = &job.webhook {
            sealed.push((Purpose::Webhook, self.master_key.seal(&job.id, Purpose::Webhook, webhook.as_bytes())?));
        }
        Ok(Bodies { request: to_json("request", &job.request)?, work: to_json("work", &job.work)?, sealed })
    }

    async fn insert_job(&self, write: &mut Write, job: &NewJob) -> Result<i64> {
        let insert = self.sql(
            "INSERT INTO jobs (id, endpoint, owner, status, lane, created_ms, expires_ms, execution_timeout_ms,
                 retention_ms, max_attempts)
             VALUES ($2, $3, $4, 'IN_QUEUE', $5, {now}, {now} + CAST($6 AS BIGINT), $7, $8, $9)
             ON CONFLICT (id) DO NOTHING
             RETURNING created_ms",
        );
        let created_ms = sqlx::query_scalar(insert)
            .bind(self.manual_now())
            .bind(job.id.as_str())
            .bind(job.endpoint.as_str())
            .bind(job.owner.as_deref())
            .bind(job.lane.number())
            .bind(job.ttl_ms)
            .bind(job.execution_timeout_ms)
            .bind(job.retention_ms)
            .bind(job.max_attempts.max(1))
            .fetch_optional(&mut *write.tx)
            .await?;
        created_ms.ok_or_else(|| StoreError::JobExists(job.id.clone()))
    }
}

/// A job's bodies as they are stored.
struct Bodies {
    request: String,
    work: String,
    sealed: Vec<(Purpose, Vec<u8>)>,
}

impl Bodies {
    async fn insert(self, write: &mut Write, job: &JobId) -> Result<()> {
        sqlx::query("INSERT INTO job_bodies (job, request, work) VALUES ($1, $2, $3)")
            .bind(job.as_str())
            .bind(self.request)
            .bind(self.work)
            .execute(&mut *write.tx)
            .await?;
        for (purpose, sealed) in self.sealed {
            sqlx::query("INSERT INTO job_secrets (job, purpose, sealed) VALUES ($1, $2, $3)")
                .bind(job.as_str())
                .bind(purpose.as_str())
                .bind(sealed)
                .execute(&mut *write.tx)
                .await?;
        }
        Ok(())
    }
}

fn queued_record(job: NewJob, created_ms: i64) -> JobRecord {
    JobRecord {
        id: job.id,
        endpoint: job.endpoint,
        owner: job.owner,
        status: JobStatus::InQueue,
        request: job.request,
        output: None,
        progress: None,
        failure: None,
        created_ms,
        started_ms: None,
        done_ms: None,
        attempts: 0,
        worker: None,
    }
}
