//! Which path leads where. Both prefixes lead to the same jobs; only the views differ (spec runpod-api §1.1).

use axum::Router;
use axum::extract::Extension;
use axum::http::Uri;
use axum::middleware::{from_fn_with_state, map_request};
use axum::routing::{get, post};
use jobs::Scope;
use protocol::ENDPOINT;
use protocol::view::ApiVersion;
use tower::Layer;

use crate::error::ApiError;
use crate::state::AppState;
use crate::{auth, cancel, files, health, layers, path, run, status};

/// Every route of the server, with its layers.
pub fn router(state: AppState) -> Router {
    let endpoint = |version| endpoint(&state).layer(Extension(version));
    let routes = Router::new()
        .nest(&format!("/v1/{ENDPOINT}"), endpoint(ApiVersion::V1))
        .nest(&format!("/v2/{ENDPOINT}"), endpoint(ApiVersion::V2))
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(nothing_here)
        .with_state(state);
    // Layers of a router run after its routes were looked up; paths must be in normal form before.
    let normal = map_request(path::normalise).layer(routes);
    layers::around(Router::new().fallback_service(normal), layers::ANSWER_MAX)
}

/// The operations of the endpoint. All need a key but `files`, whose signature is the right to read.
fn endpoint(state: &AppState) -> Router<AppState> {
    let needs = |scope| from_fn_with_state((state.clone(), scope), auth::let_in);
    let looking = Router::new()
        .route("/status/{id}", get(status::status).post(status::status))
        .route("/health", get(health::health))
        .route_layer(needs(Scope::Read));
    let acting = Router::new()
        .route("/run", post(run::run))
        .route("/cancel/{id}", post(cancel::cancel))
        .route_layer(needs(Scope::Write));
    looking
        .merge(acting)
        .route("/files/{job}/{lease}/{file}", get(files::file))
        .method_not_allowed_fallback(method_not_allowed)
}

async fn method_not_allowed() -> ApiError {
    ApiError::MethodNotAllowed
}

async fn nothing_here(uri: Uri) -> ApiError {
    let mut segments = uri.path().split('/').skip(1);
    match (segments.next(), segments.next()) {
        (Some("v1" | "v2"), Some(name)) if name != ENDPOINT => ApiError::EndpointNotFound,
        _ => ApiError::OperationNotFound,
    }
}
