//! The changes of state that several callers share. Outside of `claim` and `submit`, a job's status changes here and
//! nowhere else, so here is what comes with it: the guard, the wiped secrets, the outbox row, the event of a lost attempt.

use protocol::request::redact;
use protocol::{JobEvent, JobId, JobStatus};
use serde_json::Value;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use crate::error::Result;
use crate::lease::{Lease, LeaseLost};
use crate::record::{parsed, to_json};
use crate::store::JobStore;

/// Longest error text kept of a job, so that a worker that prints a novel does not make every status answer one.
const ERROR_CHARS_MAX: usize = 4_000;

/// A job whose row this transaction holds: what was read of it stays true until the transaction ends.
#[derive(Debug)]
pub(crate) struct LockedJob {
    pub(crate) id: JobId,
    pub(crate) status: JobStatus,
    lease: i64,
    attempts: i64,
    max_attempts: i64,
}

/// How a job ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ending<'a> {
    /// With this output, as JSON.
    Completed(&'a str),
    /// With this sentence for its owner.
    Failed(&'a str),
    /// By its owner.
    Cancelled,
    /// Its time to live ran out in the queue.
    TimedOut,
}

/// What became of a job that lost an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aftermath {
    /// It waits at the queue's front.
    Requeued,
    /// Its attempts are used up: FAILED.
    SetAside,
}

/// The columns that [`LockedJob::read`] reads.
pub(crate) const LOCK_COLUMNS: &str = "id, status, lease, attempts, max_attempts";

impl LockedJob {
    pub(crate) fn read(row: &AnyRow) -> Result<Self> {
        let id: JobId = parsed(row, "id", "?")?;
        Ok(Self {
            status: parsed(row, "status", id.as_str())?,
            lease: row.try_get("lease")?,
            attempts: row.try_get("attempts")?,
            max_attempts: row.try_get("max_attempts")?,
            id,
        })
    }

    /// True when this is the claim that `lease` was given for.
    fn is_held_by(&self, lease: &Lease) -> bool {
        self.status == JobStatus::InProgress && self.lease == lease.number
    }

    /// Why `lease` is not held any more.
    fn why_lost(&self, lease: &Lease) -> LeaseLost {
        match self.status {
            JobStatus::Cancelled => LeaseLost::Cancelled,
            JobStatus::InQueue | JobStatus::InProgress => LeaseLost::Expired,
            // A newer attempt ended it, or this very one did before.
            status if self.lease == lease.number => LeaseLost::Ended(status),
            JobStatus::Completed | JobStatus::Failed | JobStatus::TimedOut => LeaseLost::Expired,
        }
    }
}

impl JobStore {
    /// Holds the job's row, whatever its state.
    pub(crate) async fn lock_job(&self, tx: &mut AnyConnection, id: &JobId) -> Result<Option<LockedJob>> {
        let select = format!("SELECT {LOCK_COLUMNS} FROM jobs WHERE id = $1 {{for_update}}");
        let row = sqlx::query(self.sql(&select)).bind(id.as_str()).fetch_optional(tx).await?;
        row.as_ref().map(LockedJob::read).transpose()
    }

    /// Holds the job's row if `lease` is still the one in force: the guard of every write of a worker.
    pub(crate) async fn lock_leased(
        &self,
        tx: &mut AnyConnection,
        lease: &Lease,
    ) -> Result<std::result::Result<LockedJob, LeaseLost>> {
        Ok(match self.lock_job(tx, &lease.job).await? {
            None => Err(LeaseLost::Deleted),
            Some(job) if job.is_held_by(lease) => Ok(job),
            Some(job) => Err(job.why_lost(lease)),
        })
    }

    /// Ends the job: final state, wiped secrets, outbox row.
    pub(crate) async fn end_job(&self, tx: &mut AnyConnection, job: &LockedJob, ending: Ending<'_>) -> Result<()> {
        let (status, output, error) = match ending {
            Ending::Completed(output) => (JobStatus::Completed, Some(output), None),
            Ending::Failed(error) => (JobStatus::Failed, None, Some(clip(error))),
            Ending::Cancelled => (JobStatus::Cancelled, None, None),
            Ending::TimedOut => (JobStatus::TimedOut, None, Some("the job waited longer than its ttl".into())),
        };
        let wiped = self.input_without_secrets(tx, job).await?;
        sqlx::query(self.sql(
            "UPDATE jobs SET status = $2, output = $3, error = $4, input = $5, progress = NULL, done_ms = {now},
                 lease_until_ms = NULL, execution_deadline_ms = NULL
             WHERE id = $6 AND lease = $7 AND status = $8",
        ))
        .bind(self.manual_now())
        .bind(status.as_str())
        .bind(output)
        .bind(error)
        .bind(wiped)
        .bind(job.id.as_str())
        .bind(job.lease)
        .bind(job.status.as_str())
        .execute(&mut *tx)
        .await?;
        if status != JobStatus::Cancelled || self.webhook_on_cancel {
            self.enqueue_delivery(tx, &job.id).await?;
        }
        Ok(())
    }

    async fn input_without_secrets(&self, tx: &mut AnyConnection, job: &LockedJob) -> Result<String> {
        let select = sqlx::query_scalar("SELECT input FROM jobs WHERE id = $1").bind(job.id.as_str());
        let stored: String = select.fetch_one(tx).await?;
        // An input that cannot be read must not keep its job from ending; without reading it, nothing of it is kept.
        let input = serde_json::from_str(&stored).unwrap_or(Value::Null);
        to_json("input", &redact(input))
    }

    /// The running attempt is lost: back to the queue's front, or FAILED when that was the last one. `message` is one
    /// sentence for the job's owner; `cause` goes into the error of a job that is set aside.
    pub(crate) async fn lose_attempt(
        &self,
        tx: &mut AnyConnection,
        job: &LockedJob,
        message: &str,
        cause: Option<&str>,
    ) -> Result<Aftermath> {
        let lost = JobEvent::AttemptLost { attempt: job.attempts, message: clip(message) };
        self.append_event(tx, &job.id, &lost).await?;
        if job.attempts >= job.max_attempts {
            // RunPod's phrase; where the cause is known it follows, because the phrase alone explains nothing.
            let mut error = format!("job timed out after {} retries", job.attempts - 1);
            if let Some(cause) = cause {
                error = format!("{error}: {cause}");
            }
            self.end_job(tx, job, Ending::Failed(&error)).await?;
            return Ok(Aftermath::SetAside);
        }
        sqlx::query(
            "UPDATE jobs SET status = 'IN_QUEUE', progress = NULL, lease_until_ms = NULL,
                 execution_deadline_ms = NULL
             WHERE id = $1 AND lease = $2 AND status = 'IN_PROGRESS'",
        )
        .bind(job.id.as_str())
        .bind(job.lease)
        .execute(tx)
        .await?;
        Ok(Aftermath::Requeued)
    }
}

/// At most [`ERROR_CHARS_MAX`] characters, and none that PostgreSQL's text cannot hold.
fn clip(text: &str) -> String {
    let text: String = text.chars().take(ERROR_CHARS_MAX).collect();
    text.replace('\0', "\u{fffd}")
}
