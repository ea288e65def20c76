//! `GET health`: RunPod's counters. `GET /livez` and `GET /readyz`: for whoever starts and balances the servers.

use axum::Json;
use axum::extract::State;
use protocol::ENDPOINT;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::state::AppState;

/// Answers every counter that any client decodes (spec runpod-api §1.9): a missing one breaks strict clients.
///
/// # Errors
/// When the store fails.
pub(crate) async fn health(State(state): State<AppState>) -> Result<Json<Value>, ApiError> {
    let counts = state.store.counts(ENDPOINT).await?;
    Ok(Json(json!({
        "jobs": {
            "completed": counts.completed,
            "failed": counts.failed,
            "inProgress": counts.in_progress,
            "inQueue": counts.in_queue,
            "retried": counts.retried,
        },
        "workers": {
            "idle": counts.workers_idle,
            "initializing": counts.workers_initializing,
            // A warm worker that waits is both idle and ready.
            "ready": counts.workers_idle,
            "running": counts.workers_running,
            // Nobody takes a worker away from its owner here.
            "throttled": 0,
            "unhealthy": counts.workers_unhealthy,
        },
    })))
}

/// The process answers.
pub(crate) async fn livez() -> Json<Value> {
    Json(json!({ "status": "alive" }))
}

/// The process can do its work: the store answers.
///
/// # Errors
/// 503 when it does not.
pub(crate) async fn readyz(State(state): State<AppState>) -> Result<Json<Value>, ApiError> {
    match state.store.ping().await {
        Ok(()) => Ok(Json(json!({ "status": "ready" }))),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            Err(ApiError::NotReady)
        }
    }
}
