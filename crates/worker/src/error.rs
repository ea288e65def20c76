//! Why a job's attempt ended without a result.

/// How an attempt can end badly. The first kind ends the job, the second only the attempt.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// A second attempt would meet the same: the job fails with this sentence.
    #[error("{0}")]
    Job(String),
    /// The child died, or this machine could not do its part: the job goes back to the queue.
    #[error("{0}")]
    Attempt(String),
    /// The worker was told to stop: the job goes back to the queue, and the attempt does not count.
    #[error("the worker was stopped")]
    Stopped,
    /// The lease is gone: the job was cancelled, timed out, or belongs to another worker now. Nothing may be written.
    #[error("the lease was lost")]
    LeaseLost,
    /// The store did not answer; the lease will tell.
    #[error(transparent)]
    Store(#[from] jobs::StoreError),
}

impl WorkerError {
    /// A fault of this machine, with what it was doing.
    pub(crate) fn io(doing: &str, error: &std::io::Error) -> Self {
        Self::Attempt(format!("the worker could not {doing}: {error}"))
    }
}

/// This machine's disk costs the attempt; what the network says of the owner's addresses ends the job.
impl From<transfer::TransferError> for WorkerError {
    fn from(error: transfer::TransferError) -> Self {
        match error {
            transfer::TransferError::DiskFull { .. } | transfer::TransferError::File { .. } => {
                Self::Attempt(error.to_string())
            }
            _ => Self::Job(error.to_string()),
        }
    }
}
