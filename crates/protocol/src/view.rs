//! How clients see a job: RunPod's job view. Keys stand in alphabetical order, as in real answers.

use serde_json::{Map, Value, json};

use crate::request::redact;
use crate::{ArtifactKey, JobRecord, JobStatus};

/// Which of the two path prefixes was asked; v1 views repeat the input and name the GPU class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiVersion {
    /// `/v1`: with `input` and `gpu`.
    V1,
    /// `/v2`.
    V2,
}

/// The view of `job`; `url` turns an artifact's key into an address.
pub fn job_view(job: &JobRecord, version: ApiVersion, url: impl Fn(&ArtifactKey) -> String) -> Value {
    let mut view = Map::new();
    if let Some(started) = job.started_ms {
        view.insert("delayTime".into(), json!(started - job.created_ms));
    }
    if job.status == JobStatus::Failed {
        view.insert("error".into(), json!(job.error.as_deref().unwrap_or("the job failed")));
    }
    if let (Some(started), Some(done)) = (job.started_ms, job.done_ms) {
        view.insert("executionTime".into(), json!(done - started));
    }
    if version == ApiVersion::V1 && job.status.is_terminal() {
        view.insert("gpu".into(), json!("local"));
    }
    view.insert("id".into(), json!(job.id.as_str()));
    if version == ApiVersion::V1 {
        view.insert("input".into(), redact(job.input.clone()));
    }
    match job.status {
        JobStatus::Completed => {
            view.insert("output".into(), job.output.as_ref().map_or(Value::Null, |output| output.render(url)));
        }
        JobStatus::InProgress => {
            if let Some(progress) = &job.progress {
                view.insert("output".into(), progress.clone());
            }
        }
        JobStatus::InQueue | JobStatus::Failed | JobStatus::Cancelled | JobStatus::TimedOut => {}
    }
    if job.attempts > 1 {
        view.insert("retries".into(), json!(job.attempts - 1));
    }
    view.insert("status".into(), json!(job.status.as_str()));
    if let Some(worker) = &job.worker {
        view.insert("workerId".into(), json!(worker));
    }
    Value::Object(view)
}

/// The body of a webhook: the v2 view with `input` and `webhook`.
pub fn webhook_body(job: &JobRecord, url: impl Fn(&ArtifactKey) -> String) -> Value {
    let Value::Object(mut body) = job_view(job, ApiVersion::V2, url) else { return Value::Null };
    body.insert("input".into(), redact(job.input.clone()));
    body.insert("webhook".into(), json!(job.webhook));
    body.sort_keys();
    Value::Object(body)
}
