//! The right to work on a job, and how it is kept, given back and lost.

use protocol::{JobId, JobStatus};

use crate::error::Result;
use crate::store::JobStore;
use crate::transition::{LOCK_COLUMNS, LockedJob};

/// The right to work on a job, from one [`JobStore::claim`]. Its number grows with every claim of the job, so a write
/// under an older one is recognised and changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The job.
    pub job: JobId,
    /// The fencing number.
    pub number: i64,
}

/// The answer to a worker's write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a lost lease means that the worker must stop, and that nothing was written"]
pub enum LeaseState {
    /// The lease was in force and the write is done.
    Held,
    /// The lease was not in force and nothing was written: stop working on the job.
    Lost(LeaseLost),
}

impl LeaseState {
    /// True when the write is done.
    pub fn is_held(self) -> bool {
        self == Self::Held
    }
}

/// Why a lease is not in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseLost {
    /// The job was cancelled by its owner.
    Cancelled,
    /// The lease ended without a heartbeat; the job waits for, or is with, another worker, or one has ended it.
    Expired,
    /// This attempt has ended: the worker ended it before (the answer was lost on its way), or its time was up (then
    /// the state is `FAILED`).
    Ended(JobStatus),
    /// The job is not in the store any more.
    Deleted,
}

impl JobStore {
    /// Prolongs the lease to `lease_ms` from now.
    ///
    /// # Errors
    /// When the database fails; the lease then runs on as it was.
    pub async fn heartbeat(&self, lease: &Lease, lease_ms: i64) -> Result<LeaseState> {
        let update = self
            .sql("UPDATE jobs SET lease_until_ms = {now} + $2 WHERE id = $3 AND lease = $4 AND status = 'IN_PROGRESS'");
        let done = sqlx::query(update)
            .bind(self.manual_now())
            .bind(lease_ms)
            .bind(lease.job.as_str())
            .bind(lease.number)
            .execute(&self.pool)
            .await?;
        if done.rows_affected() > 0 {
            return Ok(LeaseState::Held);
        }
        let mut tx = self.begin().await?;
        // Between the two looks nothing can have given this number back: a lost lease stays lost.
        let lost = self.lock_leased(&mut tx, lease).await?.err().unwrap_or(LeaseLost::Expired);
        Ok(LeaseState::Lost(lost))
    }

    /// The attempt is lost for a reason that the worker knows (its child died): the job goes back to the queue's front,
    /// or is `FAILED` when its attempts are used up. `reason` is one sentence for the job's owner.
    ///
    /// # Errors
    /// When the database fails; the lease then runs out by itself.
    pub async fn release(&self, lease: &Lease, reason: &str) -> Result<LeaseState> {
        let mut tx = self.begin().await?;
        let job = match self.lock_leased(&mut tx, lease).await? {
            Ok(job) => job,
            Err(lost) => return Ok(LeaseState::Lost(lost)),
        };
        self.lose_attempt(&mut tx, &job, reason, Some(reason)).await?;
        tx.commit().await?;
        self.announce_change();
        Ok(LeaseState::Held)
    }

    /// The worker stops in good order: the job goes back to the queue's front and the attempt does not count.
    ///
    /// # Errors
    /// When the database fails; the lease then runs out by itself.
    pub async fn hand_back(&self, lease: &Lease) -> Result<LeaseState> {
        let mut tx = self.begin().await?;
        if let Err(lost) = self.lock_leased(&mut tx, lease).await? {
            return Ok(LeaseState::Lost(lost));
        }
        sqlx::query(
            "UPDATE jobs SET status = 'IN_QUEUE', attempts = attempts - 1, progress = NULL,
                 started_ms = CASE WHEN attempts > 1 THEN started_ms END, lease_until_ms = NULL,
                 execution_deadline_ms = NULL
             WHERE id = $1 AND lease = $2 AND status = 'IN_PROGRESS'",
        )
        .bind(lease.job.as_str())
        .bind(lease.number)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        self.announce_change();
        Ok(LeaseState::Held)
    }

    /// Loses every lease of `worker` at once: for the start of a worker whose former life left some behind. Gives the
    /// number of jobs concerned.
    ///
    /// # Errors
    /// When the database fails; the leases then run out by themselves.
    pub async fn release_worker(&self, worker: &str) -> Result<u64> {
        let mut tx = self.begin().await?;
        let select = format!(
            "SELECT {LOCK_COLUMNS} FROM jobs WHERE status = 'IN_PROGRESS' AND worker = $1 ORDER BY sequence {{for_update}}"
        );
        let rows = sqlx::query(self.sql(&select)).bind(worker).fetch_all(&mut *tx).await?;
        for row in &rows {
            let message = format!("worker {worker} was restarted");
            self.lose_attempt(&mut tx, &LockedJob::read(row)?, &message, None).await?;
        }
        tx.commit().await?;
        self.announce_change();
        Ok(rows.len() as u64)
    }
}
