//! `POST run`: a checked request becomes a job that is on disk before its id is told.

use axum::Json;
use axum::extract::State;
use jobs::{DEFAULT_MAX_ATTEMPTS, LOW_PRIORITY, NORMAL_PRIORITY, NewJob};
use protocol::{JobId, JobRequest};
use serde_json::{Value, json};

use crate::body::JsonBody;
use crate::config::QUEUE_MAX;
use crate::error::ApiError;
use crate::state::AppState;

/// Answers `{"id":…,"status":"IN_QUEUE"}`.
///
/// # Errors
/// 400 with the sentence of [`protocol::RequestError`], 429 when the queue is full.
pub(crate) async fn run(State(state): State<AppState>, JsonBody(mut body): JsonBody) -> Result<Json<Value>, ApiError> {
    let request = JobRequest::parse(&body)?;
    refuse_when_full(&state).await?;
    // What is kept is the input as it was sent: v1 views and webhooks repeat it, and a later version may read more.
    let job = new_job(&state, request, body["input"].take());
    let record = state.store.submit(job).await?;
    tracing::info!(job = %record.id, "job submitted");
    Ok(Json(json!({ "id": record.id, "status": record.status })))
}

fn new_job(state: &AppState, request: JobRequest, input: Value) -> NewJob {
    let config = &state.config;
    NewJob {
        id: JobId::random(),
        input,
        webhook: request.webhook,
        ttl_ms: Some(request.policy.ttl.unwrap_or(config.ttl_ms)),
        execution_timeout_ms: Some(request.policy.executionTimeout.unwrap_or(config.execution_timeout_ms)),
        priority: if request.policy.lowPriority { LOW_PRIORITY } else { NORMAL_PRIORITY },
        max_attempts: DEFAULT_MAX_ATTEMPTS,
    }
}

/// Requests at the same moment may overshoot the limit by their number, which is bounded and does no harm.
async fn refuse_when_full(state: &AppState) -> Result<(), ApiError> {
    let queued = state.store.counts().await?.in_queue;
    if queued >= QUEUE_MAX { Err(ApiError::QueueFull { queued }) } else { Ok(()) }
}
