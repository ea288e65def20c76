//! Ids, states and the record that the store keeps of a job.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::JobOutput;
use crate::request::redact;

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

/// RunPod's six states, the only strings its clients know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobStatus {
    /// Waiting for a worker.
    InQueue,
    /// Taken by a worker.
    InProgress,
    /// The result is there.
    Completed,
    /// Ended with an error.
    Failed,
    /// Cancelled before it was complete.
    Cancelled,
    /// Expired before pickup.
    TimedOut,
}

impl JobStatus {
    /// The string that travels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InQueue => "IN_QUEUE",
            Self::InProgress => "IN_PROGRESS",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
            Self::TimedOut => "TIMED_OUT",
        }
    }

    /// True when the job will not change any more.
    pub fn is_terminal(self) -> bool {
        !matches!(self, Self::InQueue | Self::InProgress)
    }
}

impl FromStr for JobStatus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::InQueue, Self::InProgress, Self::Completed, Self::Failed, Self::Cancelled, Self::TimedOut]
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| format!("{text} is not a job state"))
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Everything the store knows of a job. Times are milliseconds since 1970 of the database's clock.
#[derive(Clone, PartialEq)]
pub struct JobRecord {
    /// The job's id.
    pub id: JobId,
    /// Its state.
    pub status: JobStatus,
    /// `input` as it was sent, secrets included: redact before showing.
    pub input: Value,
    /// Where to report the end.
    pub webhook: Option<String>,
    /// The result of a completed job.
    pub output: Option<JobOutput>,
    /// The last thing the running attempt reported.
    pub progress: Option<Value>,
    /// Why a job failed: one sentence for its owner.
    pub error: Option<String>,
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

/// Shows the input redacted, and of the webhook only that there is one: clients put tokens into its query.
impl fmt::Debug for JobRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobRecord")
            .field("id", &self.id)
            .field("status", &self.status)
            .field("input", &redact(self.input.clone()))
            .field("webhook", &self.webhook.as_ref().map(|_| "***"))
            .field("output", &self.output)
            .field("progress", &self.progress)
            .field("error", &self.error)
            .field("created_ms", &self.created_ms)
            .field("started_ms", &self.started_ms)
            .field("done_ms", &self.done_ms)
            .field("attempts", &self.attempts)
            .field("worker", &self.worker)
            .finish()
    }
}
