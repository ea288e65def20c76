//! `GET|POST status/{id}`: the job view. Go's client posts, all others get.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use protocol::JobRecord;
use protocol::view::ApiVersion;
use serde_json::Value;

use crate::error::ApiError;
use crate::job_path::JobPath;
use crate::state::AppState;

/// Answers the view of version 1 or 2, as the path's prefix says.
///
/// # Errors
/// 404 when there is no such job.
pub(crate) async fn status(
    State(state): State<AppState>,
    Extension(version): Extension<ApiVersion>,
    JobPath(id): JobPath,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let job: JobRecord = state.store.get(&id).await?.ok_or(ApiError::JobNotFound)?;
    Ok(Json(state.view(&job, version, &headers).await?))
}
