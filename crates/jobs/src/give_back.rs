//! Attempts that end without an end of their job: the worker gives the job back, or its next life does.

use protocol::{Failure, FailureCode, JobEvent, JobStatus};

use crate::error::Result;
use crate::lease::{Lease, LeaseState};
use crate::store::JobStore;
use crate::transition::{LOCK_COLUMNS, LockedJob};
use crate::workers::WorkerIdentity;
use crate::write::Write;

impl JobStore {
    /// The attempt is lost for a reason that the worker knows (its child died): the job goes back to the queue's front,
    /// or is `FAILED` with this cause when its attempts are used up.
    ///
    /// # Errors
    /// When the database fails; calling again is safe.
    pub async fn release(&self, lease: &Lease, cause: &Failure) -> Result<LeaseState> {
        let mut write = self.begin().await?;
        let job = match self.lock_leased(&mut write.tx, lease).await? {
            Ok(job) => job,
            Err(lost) => return Ok(LeaseState::Lost(lost)),
        };
        self.lose_attempt(&mut write, &job, cause).await?;
        write.commit().await?;
        Ok(LeaseState::Held)
    }

    /// The job goes back to the queue's front and the attempt does not count: the worker stops in good order, or its
    /// machine cannot do the work at all. `reason` goes into the job's events.
    ///
    /// # Errors
    /// As [`JobStore::release`].
    pub async fn hand_back(&self, lease: &Lease, reason: Option<&Failure>) -> Result<LeaseState> {
        let mut write = self.begin().await?;
        let job = match self.lock_leased(&mut write.tx, lease).await? {
            Ok(job) => job,
            Err(lost) => return Ok(LeaseState::Lost(lost)),
        };
        if let Some(reason) = reason {
            let message = format!("the job waits for another attempt: {}", reason.sentence);
            let event = JobEvent::Warning { message };
            self.append_event(&mut write.tx, &job.id, &event).await?;
        }
        self.requeue(&mut write, &job).await?;
        sqlx::query(
            "UPDATE jobs SET attempts = attempts - 1, started_ms = CASE WHEN attempts > 1 THEN started_ms END,
                 worker = CASE WHEN attempts > 1 THEN worker END
             WHERE id = $1",
        )
        .bind(lease.job.as_str())
        .execute(&mut *write.tx)
        .await?;
        write.commit().await?;
        Ok(LeaseState::Held)
    }

    /// Loses every lease of the worker's former lives at once: for its start, when it holds the lock on its name and so
    /// knows that they are over. Gives the number of jobs concerned.
    ///
    /// # Errors
    /// When the database fails; the reaper then finds those leases silent.
    pub async fn release_worker(&self, worker: &WorkerIdentity) -> Result<u64> {
        let mut write = self.begin().await?;
        let select = format!(
            "SELECT {LOCK_COLUMNS} FROM jobs WHERE status = 'IN_PROGRESS' AND worker_name = $1 AND worker <> $2
             ORDER BY sequence {{for_update}}"
        );
        let rows = sqlx::query(self.sql(&select))
            .bind(worker.name())
            .bind(worker.to_string())
            .fetch_all(&mut *write.tx)
            .await?;
        let cause = Failure::new(FailureCode::WorkerLost, format!("worker {} was restarted", worker.name()));
        for row in &rows {
            self.lose_attempt(&mut write, &LockedJob::read(row)?, &cause).await?;
        }
        sqlx::query("DELETE FROM workers WHERE name = $1 AND identity <> $2")
            .bind(worker.name())
            .bind(worker.to_string())
            .execute(&mut *write.tx)
            .await?;
        write.commit().await?;
        Ok(rows.len() as u64)
    }

    /// The running job waits again, at the front of its lane; what its attempt had reported is gone.
    pub(crate) async fn requeue(&self, write: &mut Write, job: &LockedJob) -> Result<()> {
        sqlx::query("UPDATE jobs SET status = 'IN_QUEUE' WHERE id = $1 AND status = 'IN_PROGRESS'")
            .bind(job.id.as_str())
            .execute(&mut *write.tx)
            .await?;
        sqlx::query("UPDATE job_bodies SET progress = NULL, output = NULL WHERE job = $1")
            .bind(job.id.as_str())
            .execute(&mut *write.tx)
            .await?;
        write.count_move(&job.endpoint, JobStatus::InProgress, JobStatus::InQueue);
        Ok(())
    }
}
