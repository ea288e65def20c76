//! `POST run`: a checked request becomes a job that is on disk before its id is told.

use axum::Json;
use axum::extract::{Extension, Request, State};
use axum::http::HeaderMap;
use jobs::{Idempotency, Lane, NewJob, Submission};
use protocol::native::Native;
use protocol::shown::shown_request;
use protocol::{ENDPOINT, JobId, JobRequest, Secret};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::auth::Caller;
use crate::bounded_json;
use crate::config::QUEUE_MAX;
use crate::error::ApiError;
use crate::state::AppState;

/// Longest `Idempotency-Key`, so that it can be looked up.
const IDEMPOTENCY_KEY_CHARS_MAX: usize = 255;

/// Answers `{"id":…,"status":"IN_QUEUE"}`; for a request that was sent before under the same `Idempotency-Key`, the job of
/// that time.
///
/// # Errors
/// 400 with the sentence of [`protocol::RequestError`], 409 for an `Idempotency-Key` with another body, 429 when the queue
/// is full.
pub(crate) async fn run(
    State(state): State<AppState>,
    Extension(Caller(owner)): Extension<Caller>,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let key = idempotency_key(request.headers())?;
    let body = state.bodies.read(request, state.config.connections.body_pause).await?;
    let native = state.config.native;
    let mut job = state.bodies.parse(body, move |text| new_job(text, key, native)).await?;
    if let Some(webhook) = &job.webhook {
        state.network.check_webhook(webhook).map_err(ApiError::Webhook)?;
    }
    job.owner = owner;
    job.ttl_ms = job.ttl_ms.or(Some(state.config.ttl_ms));
    job.execution_timeout_ms = job.execution_timeout_ms.or(Some(state.config.execution_timeout_ms));
    let record = match state.store.submit(job, Some(QUEUE_MAX)).await? {
        Submission::Stored(record) => {
            tracing::info!(job = %record.id, "job submitted");
            record
        }
        Submission::Earlier(record) => {
            tracing::info!(job = %record.id, "job submitted again");
            record
        }
        Submission::Conflict => return Err(ApiError::IdempotencyConflict),
    };
    Ok(Json(json!({ "id": record.id, "status": record.status })))
}

/// A request as it is stored: what may be shown, what is to be done, and what is sealed, each apart from the others.
fn new_job(text: &[u8], key: Option<String>, native: Option<Native>) -> Result<NewJob, ApiError> {
    let body = bounded_json::parse(text)?;
    let mut complete = body.clone();
    if let Some(native) = native {
        native.complete(&mut complete);
    }
    let JobRequest { settings, sealed } = JobRequest::parse(complete)?;
    let stored = |value: Result<Value, serde_json::Error>| value.map_err(|_| ApiError::Panic);
    let work = stored(serde_json::to_value(&settings))?;
    let mut job = NewJob::new(JobId::random(), ENDPOINT, shown_request(body), work);
    job.secrets = Some(stored(serde_json::to_value(&sealed))?);
    job.webhook = sealed.secrets.webhook.as_ref().map(Secret::reveal).map(String::from);
    job.ttl_ms = settings.policy.ttl;
    job.execution_timeout_ms = settings.policy.executionTimeout;
    job.lane = if settings.policy.lowPriority { Lane::Low } else { Lane::Normal };
    job.idempotency = key.map(|key| Idempotency { key, body_sha256: hex::encode(Sha256::digest(text)) });
    Ok(job)
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().unwrap_or_default().trim();
    let fits = (1..=IDEMPOTENCY_KEY_CHARS_MAX).contains(&key.len());
    if fits { Ok(Some(key.into())) } else { Err(ApiError::BadIdempotencyKey { max: IDEMPOTENCY_KEY_CHARS_MAX }) }
}
