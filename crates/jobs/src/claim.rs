//! A worker takes a job.

use std::fmt;

use protocol::{Failure, FailureCode, JobId, JobRecord, JobStatus};
use serde_json::Value;
use sqlx::{AnyConnection, Row};

use crate::error::{Result, StoreError};
use crate::json::{from_json, parsed, unreadable};
use crate::lease::Lease;
use crate::seal::Purpose;
use crate::store::JobStore;
use crate::transition::Ending;
use crate::workers::WorkerIdentity;
use crate::write::Write;

/// A claimed job.
#[derive(Clone, PartialEq)]
pub struct Claim {
    /// The job.
    pub job: JobRecord,
    /// What the worker is to do, as it was submitted.
    pub work: Value,
    /// The secrets that go with it, opened. For this attempt alone: they are to be written nowhere.
    pub secrets: Option<Value>,
    /// The right to work on it, and the proof that every write needs.
    pub lease: Lease,
    /// How long this attempt may take, for a timer of the worker's own.
    pub execution_timeout_ms: Option<i64>,
}

/// Shows neither bodies nor secrets.
impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim")
            .field("lease", &self.lease)
            .field("attempts", &self.job.attempts)
            .field("execution_timeout_ms", &self.execution_timeout_ms)
            .finish_non_exhaustive()
    }
}

impl JobStore {
    /// Takes the endpoint's next job for `worker`, or `None` when nothing waits. The order: lane, then age; so a job that
    /// lost an attempt comes before those that were never claimed. The lease is held as long as
    /// [`JobStore::heartbeat`] is called often enough for the [`crate::Reaper`].
    ///
    /// Two workers never get the same job. A job whose stored body cannot be read is set aside as `FAILED`, so that it does
    /// not block the queue.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim(&self, worker: &WorkerIdentity, endpoint: &str) -> Result<Option<Claim>> {
        // Looking first keeps a poller that finds nothing from taking the write lock.
        while self.anything_waits(endpoint).await? {
            let mut write = self.begin().await?;
            let Some((lease, execution_timeout_ms)) = self.take_next(&mut write, worker, endpoint).await? else {
                return Ok(None);
            };
            match self.read_claim(&mut write.tx, &lease, execution_timeout_ms).await {
                Ok(claim) => {
                    write.count_move(endpoint, JobStatus::InQueue, JobStatus::InProgress);
                    write.commit().await?;
                    return Ok(Some(claim));
                }
                Err(error @ StoreError::Unreadable { .. }) => {
                    self.set_aside(write, endpoint, &lease.job, &error).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    async fn anything_waits(&self, endpoint: &str) -> Result<bool> {
        let select = self.sql(
            "SELECT 1 FROM jobs WHERE endpoint = $2 AND status = 'IN_QUEUE' AND (expires_ms IS NULL OR expires_ms > {now})
             ORDER BY lane DESC, sequence LIMIT 1",
        );
        let row = sqlx::query(select).bind(self.manual_now()).bind(endpoint).fetch_optional(&self.pool).await?;
        Ok(row.is_some())
    }

    /// The claim itself: one statement. What was picked up does not expire in the queue any more.
    async fn take_next(
        &self,
        write: &mut Write,
        worker: &WorkerIdentity,
        endpoint: &str,
    ) -> Result<Option<(Lease, Option<i64>)>> {
        let update = self.sql(
            "WITH next AS MATERIALIZED (
                 SELECT id FROM jobs
                 WHERE endpoint = $2 AND status = 'IN_QUEUE' AND (expires_ms IS NULL OR expires_ms > {now})
                 ORDER BY lane DESC, sequence LIMIT 1 {skip_locked})
             UPDATE jobs SET status = 'IN_PROGRESS', worker = $3, worker_name = $4, attempts = attempts + 1,
                 lease = lease + 1, beats = 0, started_ms = {now}, expires_ms = NULL
             WHERE id IN (SELECT id FROM next)
             RETURNING id, lease, execution_timeout_ms",
        );
        let row = sqlx::query(update)
            .bind(self.manual_now())
            .bind(endpoint)
            .bind(worker.to_string())
            .bind(worker.name())
            .fetch_optional(&mut *write.tx)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let lease = Lease { job: parsed(&row, "id", "?")?, number: row.try_get("lease")? };
        Ok(Some((lease, row.try_get("execution_timeout_ms")?)))
    }

    async fn read_claim(
        &self,
        connection: &mut AnyConnection,
        lease: &Lease,
        execution_timeout_ms: Option<i64>,
    ) -> Result<Claim> {
        let id = lease.job.as_str();
        let gone = || StoreError::Unreadable { what: "body", of: id.into(), reason: "it is not there".into() };
        let job = self.read_job(&mut *connection, &lease.job).await?.ok_or_else(gone)?;
        let work: String = sqlx::query_scalar("SELECT work FROM job_bodies WHERE job = $1")
            .bind(id)
            .fetch_one(&mut *connection)
            .await?;
        let work = from_json("work", id, &work)?;
        let secrets = self.opened_secrets(connection, &lease.job).await?;
        Ok(Claim { job, work, secrets, lease: lease.clone(), execution_timeout_ms })
    }

    async fn opened_secrets(&self, connection: &mut AnyConnection, job: &JobId) -> Result<Option<Value>> {
        let select = sqlx::query_scalar("SELECT sealed FROM job_secrets WHERE job = $1 AND purpose = $2");
        let sealed: Option<Vec<u8>> =
            select.bind(job.as_str()).bind(Purpose::Secrets.as_str()).fetch_optional(connection).await?;
        let Some(sealed) = sealed else { return Ok(None) };
        let plain = self.master_key.open(job, Purpose::Secrets, &sealed)?;
        serde_json::from_slice(&plain).map(Some).map_err(|error| unreadable("secrets", job.as_str(), &error))
    }

    /// Ends a job that no worker can be given.
    async fn set_aside(&self, mut write: Write, endpoint: &str, id: &JobId, error: &StoreError) -> Result<()> {
        tracing::error!(job = %id, %error, "a stored job cannot be read and is set aside");
        write.count_move(endpoint, JobStatus::InQueue, JobStatus::InProgress);
        if let Some(job) = self.lock_job(&mut write.tx, id).await? {
            let failure = Failure::new(FailureCode::Internal, "the stored job is damaged; submit it again");
            self.end_job(&mut write, &job, Ending::Failed { failure: &failure, output: None }).await?;
        }
        write.commit().await
    }
}
