//! `POST cancel/{id}`: final, and harmless on a job that has ended. Bodies are ignored: Python sends none, JavaScript
//! sends `{}`.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::job_path::JobPath;
use crate::state::AppState;

/// Answers `{"id":…,"status":"CANCELLED"}`, or the state in which the job had ended before.
///
/// # Errors
/// 404 when there is no such job.
pub(crate) async fn cancel(State(state): State<AppState>, JobPath(id): JobPath) -> Result<Json<Value>, ApiError> {
    let job = state.store.cancel(&id).await?.ok_or(ApiError::JobNotFound)?;
    tracing::info!(job = %job.id, status = %job.status, "cancel asked");
    Ok(Json(json!({ "id": job.id, "status": job.status })))
}
