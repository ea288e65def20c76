//! Who may ask: the `Authorization` header and the store's keys (spec runpod-api §4).

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;
use jobs::{ApiKey, Endpoints, Scope};
use protocol::ENDPOINT;

use crate::config::Access;
use crate::error::ApiError;
use crate::state::AppState;
use crate::this_machine;

/// The id of the key with which a request came; `None` where none is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Caller(pub(crate) Option<String>);

/// Lets a request through that may do what its operation needs, and tells the operation who came.
///
/// # Errors
/// 401 when the key is absent or unknown, with the same sentence for both; 403 when it is one, but not for this.
pub(crate) async fn let_in(
    State((state, scope)): State<(AppState, Scope)>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let caller = match state.config.access {
        Access::Keys => Some(key(&state, request.headers(), scope).await?.id),
        Access::ThisMachine { port } => {
            this_machine::check(request.method(), request.headers(), port)?;
            None
        }
    };
    request.extensions_mut().insert(Caller(caller));
    Ok(next.run(request).await)
}

async fn key(state: &AppState, headers: &HeaderMap, scope: Scope) -> Result<ApiKey, ApiError> {
    let text = key_of(headers).ok_or(ApiError::Unauthorized)?;
    let key = state.store.verify_key(text).await?.ok_or(ApiError::Unauthorized)?;
    if key.allows(scope, ENDPOINT) {
        return Ok(key);
    }
    let elsewhere = matches!(&key.endpoints, Endpoints::Only(endpoints) if !endpoints.contains(ENDPOINT));
    Err(if elsewhere { ApiError::KeyForOthers } else { ApiError::KeyLacksScope { scope } })
}

/// The key in `Authorization: Bearer KEY` (the SDKs) or `Authorization: KEY` (RunPod's curl samples). The scheme's case
/// does not matter; the form of the key is not checked, because it is opaque.
fn key_of(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?.trim();
    let key = match value.split_once(' ') {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => key.trim_start(),
        _ => value,
    };
    let is_bare_scheme = key.eq_ignore_ascii_case("bearer");
    (!key.is_empty() && !is_bare_scheme).then_some(key)
}
