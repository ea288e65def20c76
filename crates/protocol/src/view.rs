//! How clients see a job: RunPod's job view. Keys stand in alphabetical order, as in real answers.

use serde_json::{Map, Value, json};

use crate::artifact::with_addresses;
use crate::{ArtifactKey, JobRecord, JobStatus};

/// Which of the two path prefixes was asked; v1 views repeat the input and name the GPU class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiVersion {
    /// `/v1`: with `input` and `gpu`.
    V1,
    /// `/v2`.
    V2,
}

/// The view of `job` at `now_ms` of the database's clock; `url` turns an artifact's key into an address, wherever it stands.
pub fn job_view(job: &JobRecord, version: ApiVersion, now_ms: i64, url: &dyn Fn(&ArtifactKey) -> String) -> Value {
    let mut view = Map::new();
    let failure = job.failure.as_ref().filter(|_| matches!(job.status, JobStatus::Failed | JobStatus::TimedOut));
    if let Some(failure) = failure {
        view.insert("code".into(), json!(failure.code));
    }
    if let Some(started) = job.started_ms {
        view.insert("delayTime".into(), json!(started - job.created_ms));
    }
    match failure {
        Some(failure) => drop(view.insert("error".into(), json!(failure.sentence))),
        // Clients take a failed job without the key for one that is still to fail.
        None if job.status == JobStatus::Failed => drop(view.insert("error".into(), json!("the job failed"))),
        None => {}
    }
    if let Some(execution_ms) = execution_ms(job, now_ms) {
        view.insert("executionTime".into(), json!(execution_ms));
    }
    if version == ApiVersion::V1 && job.status.is_terminal() {
        view.insert("gpu".into(), json!("local"));
    }
    view.insert("id".into(), json!(job.id.as_str()));
    if version == ApiVersion::V1 {
        view.insert("input".into(), input(job));
    }
    if let Some(output) = output(job) {
        view.insert("output".into(), with_addresses(output, &job.id, url));
    }
    if job.attempts > 1 {
        view.insert("retries".into(), json!(job.attempts - 1));
    }
    view.insert("status".into(), json!(job.status));
    if let Some(worker) = &job.worker {
        view.insert("workerId".into(), json!(worker));
    }
    Value::Object(view)
}

/// From pickup to the end, or until now.
fn execution_ms(job: &JobRecord, now_ms: i64) -> Option<i64> {
    let end_ms = match job.status {
        JobStatus::InProgress => now_ms,
        _ => job.done_ms?,
    };
    Some((end_ms - job.started_ms?).max(0))
}

/// The result, what there is of it, or the newest report.
fn output(job: &JobRecord) -> Option<&Value> {
    match job.status {
        JobStatus::Completed => Some(job.output.as_ref().unwrap_or(&Value::Null)),
        JobStatus::Failed => job.output.as_ref(),
        JobStatus::InProgress => job.progress.as_ref(),
        JobStatus::InQueue | JobStatus::Cancelled | JobStatus::TimedOut => None,
    }
}

fn input(job: &JobRecord) -> Value {
    job.request.get("input").cloned().unwrap_or_default()
}

/// The body of a webhook: the v2 view with `input` and `webhook`, the address that receives it.
pub fn webhook_body(job: &JobRecord, webhook: &str, now_ms: i64, url: &dyn Fn(&ArtifactKey) -> String) -> Value {
    let Value::Object(mut body) = job_view(job, ApiVersion::V2, now_ms, url) else { return Value::Null };
    body.insert("input".into(), input(job));
    body.insert("webhook".into(), json!(webhook));
    body.sort_keys();
    Value::Object(body)
}
