//! Paths as clients really send them: `/v2//dream-booth-v1/health/` means `/v2/dream-booth-v1/health`.
//!
//! People configure base URLs with a trailing slash, and RunPod's Python client then doubles it (spec runpod-api §0).

use axum::http::Uri;
use axum::http::uri::PathAndQuery;

/// Collapses repeated slashes and drops the last one, before any route is looked up. The query stays as it is.
pub(crate) async fn normalise<B>(mut request: axum::http::Request<B>) -> axum::http::Request<B> {
    if let Some(uri) = normalised(request.uri()) {
        *request.uri_mut() = uri;
    }
    request
}

/// The address with its path in normal form; `None` when it already is.
fn normalised(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    let is_normal = path == "/" || (!path.contains("//") && !path.ends_with('/'));
    if is_normal {
        return None;
    }
    let mut normal: String =
        path.split('/').filter(|segment| !segment.is_empty()).flat_map(|segment| ["/", segment]).collect();
    if normal.is_empty() {
        normal.push('/');
    }
    if let Some(query) = uri.query() {
        normal.push('?');
        normal.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(normal.parse::<PathAndQuery>().ok()?);
    Uri::from_parts(parts).ok()
}
