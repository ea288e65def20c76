//! A worker ends its job.

use protocol::JobOutput;

use crate::error::Result;
use crate::lease::{Lease, LeaseState};
use crate::record::to_json;
use crate::store::JobStore;
use crate::transition::Ending;

impl JobStore {
    /// The job is `COMPLETED` with this output; its webhook is due. State and outbox row are one transaction.
    ///
    /// # Errors
    /// When the database fails: nothing is known to be written then. Calling again is safe: when the first call was
    /// written after all, the second is told [`crate::LeaseLost::Ended`] with `COMPLETED`.
    pub async fn complete(&self, lease: &Lease, output: &JobOutput) -> Result<LeaseState> {
        let output = to_json("output", output)?;
        self.finish(lease, Ending::Completed(&output)).await
    }

    /// The job is `FAILED`: another attempt would meet the same end. `error` is one sentence for the job's owner.
    ///
    /// # Errors
    /// As [`JobStore::complete`].
    pub async fn fail(&self, lease: &Lease, error: &str) -> Result<LeaseState> {
        self.finish(lease, Ending::Failed(error)).await
    }

    async fn finish(&self, lease: &Lease, ending: Ending<'_>) -> Result<LeaseState> {
        let mut tx = self.begin().await?;
        let job = match self.lock_leased(&mut tx, lease).await? {
            Ok(job) => job,
            Err(lost) => return Ok(LeaseState::Lost(lost)),
        };
        self.end_job(&mut tx, &job, ending).await?;
        tx.commit().await?;
        self.announce_change();
        Ok(LeaseState::Held)
    }
}
