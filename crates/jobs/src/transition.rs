//! The changes of state that several callers share. Outside of `claim` and `submit`, a job's status changes here and in
//! `give_back` and nowhere else, so here is what comes with it: the guard, the deleted secrets, the outbox row, the event of
//! a lost attempt, the counters.

use protocol::{Blame, Failure, JobEvent, JobId, JobStatus};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use crate::error::Result;
use crate::json::{parsed, to_json};
use crate::lease::{Lease, LeaseLost};
use crate::store::JobStore;
use crate::write::{RETRIED, Write};

/// Longest sentence kept of a job, so that a worker that prints a novel does not make every status answer one.
const SENTENCE_CHARS_MAX: usize = 4_000;

/// A job whose row this transaction holds: what was read of it stays true until the transaction ends.
#[derive(Debug)]
pub(crate) struct LockedJob {
    pub(crate) id: JobId,
    pub(crate) endpoint: String,
    pub(crate) status: JobStatus,
    pub(crate) lease: i64,
    pub(crate) beats: i64,
    attempts: i64,
    max_attempts: i64,
}

/// How a job ends. Outputs are JSON.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ending<'a> {
    Completed {
        output: &'a str,
    },
    /// `output` is a partial one; without it, what the attempt has recorded stays.
    Failed {
        failure: &'a Failure,
        output: Option<&'a str>,
    },
    /// By its owner.
    Cancelled,
    /// Its time to live ran out in the queue.
    TimedOut {
        failure: &'a Failure,
    },
}

impl Ending<'_> {
    fn status(&self) -> JobStatus {
        match self {
            Self::Completed { .. } => JobStatus::Completed,
            Self::Failed { .. } => JobStatus::Failed,
            Self::Cancelled => JobStatus::Cancelled,
            Self::TimedOut { .. } => JobStatus::TimedOut,
        }
    }
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
pub(crate) const LOCK_COLUMNS: &str = "id, endpoint, status, lease, beats, attempts, max_attempts";

impl LockedJob {
    pub(crate) fn read(row: &AnyRow) -> Result<Self> {
        let id: JobId = parsed(row, "id", "?")?;
        Ok(Self {
            endpoint: row.try_get("endpoint")?,
            status: parsed(row, "status", id.as_str())?,
            lease: row.try_get("lease")?,
            beats: row.try_get("beats")?,
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

    /// Ends the job: final state, outbox row, no secrets any more.
    pub(crate) async fn end_job(&self, write: &mut Write, job: &LockedJob, ending: Ending<'_>) -> Result<()> {
        let status = ending.status();
        sqlx::query(self.sql(
            "UPDATE jobs SET status = $2, done_ms = {now}, expires_ms = NULL, forget_ms = {now} + retention_ms
             WHERE id = $3",
        ))
        .bind(self.manual_now())
        .bind(status.as_str())
        .bind(job.id.as_str())
        .execute(&mut *write.tx)
        .await?;
        self.write_ending(&mut write.tx, &job.id, ending).await?;
        if status != JobStatus::Cancelled || self.webhook_on_cancel {
            self.enqueue_delivery(write, job).await?;
        }
        sqlx::query("DELETE FROM job_secrets WHERE job = $1").bind(job.id.as_str()).execute(&mut *write.tx).await?;
        write.count_move(&job.endpoint, job.status, status);
        Ok(())
    }

    async fn write_ending(&self, tx: &mut AnyConnection, id: &JobId, ending: Ending<'_>) -> Result<()> {
        let (output, keeps_output, failure) = match ending {
            Ending::Completed { output } => (Some(output), false, None),
            Ending::Failed { failure, output } => (output, true, Some(failure)),
            Ending::Cancelled => (None, false, None),
            Ending::TimedOut { failure } => (None, false, Some(failure)),
        };
        let failure = failure.map(|failure| to_json("failure", &clipped(failure))).transpose()?;
        let update = if keeps_output {
            "UPDATE job_bodies SET output = COALESCE($1, output), failure = $2, progress = NULL WHERE job = $3"
        } else {
            "UPDATE job_bodies SET output = $1, failure = $2, progress = NULL WHERE job = $3"
        };
        sqlx::query(update).bind(output).bind(failure).bind(id.as_str()).execute(tx).await?;
        Ok(())
    }

    /// The running attempt is lost: back to the queue's front, or FAILED when that was the last one.
    pub(crate) async fn lose_attempt(&self, write: &mut Write, job: &LockedJob, cause: &Failure) -> Result<Aftermath> {
        let cause = clipped(cause);
        let event = JobEvent::AttemptLost { attempt: job.attempts, message: cause.sentence.clone() };
        self.append_event(&mut write.tx, &job.id, &event).await?;
        if job.attempts < job.max_attempts {
            self.requeue(write, job).await?;
            write.count(&job.endpoint, RETRIED, 1);
            return Ok(Aftermath::Requeued);
        }
        // RunPod's phrase; the cause follows, because the phrase alone explains nothing.
        let sentence = format!("job timed out after {} retries: {}", job.attempts - 1, cause.sentence);
        let failure = Failure { code: cause.code, blame: Blame::Machine, sentence };
        self.end_job(write, job, Ending::Failed { failure: &failure, output: None }).await?;
        Ok(Aftermath::SetAside)
    }
}

/// The failure with a sentence of at most [`SENTENCE_CHARS_MAX`] characters.
fn clipped(failure: &Failure) -> Failure {
    let sentence = failure.sentence.chars().take(SENTENCE_CHARS_MAX).collect();
    Failure { sentence, ..failure.clone() }
}
