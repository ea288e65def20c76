//! Who may ask: the `Authorization` header and the store's keys (spec runpod-api §4).

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::error::ApiError;
use crate::state::AppState;

/// Lets a request through when it carries a key of this server. Only where no key exists, and the settings say that none
/// is needed, does everything pass; the first key that is made closes the door, without a restart.
///
/// # Errors
/// [`ApiError::Unauthorized`] when the key is absent or unknown; the same sentence for both.
pub(crate) async fn require_key(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    if state.config.require_key || state.store.has_keys().await? {
        let key = key_of(request.headers()).ok_or(ApiError::Unauthorized)?;
        state.store.verify_key(key).await?.ok_or(ApiError::Unauthorized)?;
    }
    Ok(next.run(request).await)
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
