//! A worker ends its job.

use protocol::Failure;
use serde_json::Value;

use crate::error::Result;
use crate::json::to_json;
use crate::lease::{Lease, LeaseState};
use crate::store::JobStore;
use crate::transition::Ending;

impl JobStore {
    /// The job is `COMPLETED` with this output; its webhook is due. State, outbox row and the end of its secrets are one
    /// transaction.
    ///
    /// # Errors
    /// When the database fails: nothing is known to be written then. Calling again is safe: when the first call was
    /// written after all, the second is told [`crate::LeaseLost::Ended`] with `COMPLETED`.
    pub async fn complete(&self, lease: &Lease, output: &Value) -> Result<LeaseState> {
        let output = to_json("output", output)?;
        self.finish(lease, Ending::Completed { output: &output }).await
    }

    /// The job is `FAILED`: another attempt would meet the same end. A partial output is shown beside the failure; without
    /// one, what [`JobStore::record_output`] has recorded of this attempt stays.
    ///
    /// # Errors
    /// As [`JobStore::complete`].
    pub async fn fail(&self, lease: &Lease, failure: &Failure, partial_output: Option<&Value>) -> Result<LeaseState> {
        let output = partial_output.map(|output| to_json("output", output)).transpose()?;
        self.finish(lease, Ending::Failed { failure, output: output.as_deref() }).await
    }

    async fn finish(&self, lease: &Lease, ending: Ending<'_>) -> Result<LeaseState> {
        let mut write = self.begin().await?;
        let job = match self.lock_leased(&mut write.tx, lease).await? {
            Ok(job) => job,
            Err(lost) => return Ok(LeaseState::Lost(lost)),
        };
        self.end_job(&mut write, &job, ending).await?;
        write.commit().await?;
        Ok(LeaseState::Held)
    }
}
