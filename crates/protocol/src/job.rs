//! Ids, states and the record that the store keeps of a job.

use std::fmt;
use std::str::FromStr;

use names::names;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Failure;

/// A job's id: opaque to clients, safe in a path and in a file name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JobId(String);

/// Why a text is not a job id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a job id has 1 to 128 characters of A-Z, a-z, 0-9, '-' and '_'")]
pub struct BadJobId;

impl JobId {
    /// A new id in the form RunPod gives: a random UUID and a region tag.
    pub fn random() -> Self {
        Self(format!("{}-u1", uuid::Uuid::new_v4()))
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for JobId {
    type Err = BadJobId;

    fn from_str(text: &str) -> Result<Self, BadJobId> {
        let fits = (1..=128).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        fits.then(|| Self(text.into())).ok_or(BadJobId)
    }
}

impl TryFrom<String> for JobId {
    type Error = BadJobId;

    fn try_from(text: String) -> Result<Self, BadJobId> {
        text.parse()
    }
}

impl From<JobId> for String {
    fn from(id: JobId) -> Self {
        id.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

names! {
    /// RunPod's six states, the only strings its clients know.
    pub enum JobStatus: "job state" {
        /// Waiting for a worker.
        InQueue = "IN_QUEUE",
        /// Taken by a worker.
        InProgress = "IN_PROGRESS",
        /// The result is there.
        Completed = "COMPLETED",
        /// Ended with an error.
        Failed = "FAILED",
        /// Cancelled before it was complete.
        Cancelled = "CANCELLED",
        /// Expired before pickup.
        TimedOut = "TIMED_OUT",
    }
}

impl JobStatus {
    /// True when the job will not change any more.
    pub fn is_terminal(self) -> bool {
        !matches!(self, Self::InQueue | Self::InProgress)
    }
}

/// What the store knows of a job and a view may show: nothing in it is secret. Times are milliseconds since 1970 of the
/// database's clock.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRecord {
    /// The job's id.
    pub id: JobId,
    /// The endpoint whose queue it went through.
    pub endpoint: String,
    /// The id of the key that submitted it; `None` where no key was asked for.
    pub owner: Option<String>,
    /// Its state.
    pub status: JobStatus,
    /// What the client sent, as it may be shown: an object with `input`, `policy`, …
    pub request: Value,
    /// The result of a completed job; what there was of it when a job failed.
    pub output: Option<Value>,
    /// The last thing the running attempt reported.
    pub progress: Option<Value>,
    /// Why a job failed or timed out.
    pub failure: Option<Failure>,
    /// When it was submitted.
    pub created_ms: i64,
    /// When the newest attempt began.
    pub started_ms: Option<i64>,
    /// When it reached its last state.
    pub done_ms: Option<i64>,
    /// How often a worker has claimed it.
    pub attempts: i64,
    /// The worker of the newest attempt.
    pub worker: Option<String>,
}
