//! The right to work on a job, and how it is kept.

use protocol::{JobId, JobStatus};

use crate::error::Result;
use crate::store::JobStore;

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
    /// The lease stayed without a heartbeat, or was given back; the job waits for, or is with, another worker, or one has
    /// ended it.
    Expired,
    /// This attempt has ended: the worker ended it before (the answer was lost on its way), or its time was up (then
    /// the state is `FAILED`).
    Ended(JobStatus),
    /// The job is not in the store any more.
    Deleted,
}

impl JobStore {
    /// Says that the attempt is alive. To be called several times within the reaper's lease time; when is of no matter to
    /// any clock, for what counts is that the number of beats has changed between two looks of the reaper.
    ///
    /// # Errors
    /// When the database fails. The lease is not lost by that: a reaper sees as little of the database meanwhile.
    pub async fn heartbeat(&self, lease: &Lease) -> Result<LeaseState> {
        let update = "UPDATE jobs SET beats = beats + 1 WHERE id = $1 AND lease = $2 AND status = 'IN_PROGRESS'";
        let done = sqlx::query(update).bind(lease.job.as_str()).bind(lease.number).execute(&self.pool).await?;
        if done.rows_affected() > 0 {
            return Ok(LeaseState::Held);
        }
        let mut connection = self.pool.acquire().await?;
        // Between the two looks nothing can have given this number back: a lost lease stays lost.
        let lost = self.lock_leased(&mut connection, lease).await?.err().unwrap_or(LeaseLost::Expired);
        Ok(LeaseState::Lost(lost))
    }
}
