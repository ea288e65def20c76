//! `GET files/{job}/{lease}/{file}?expires=…&sig=…`: a file that an attempt at a job has finished, for whoever holds its
//! signed address.

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::ArtifactKey;
use serde::Deserialize;
use transfer::Artifact;

use crate::byte_range::{AskedRange, asked_range};
use crate::error::ApiError;
use crate::state::AppState;

/// A report page tells of texts that strangers wrote: whatever they hold, nothing runs, nothing is loaded, and the page is no part
/// of this origin.
const REPORT_POLICY: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// What a signed address carries behind the question mark.
#[derive(Debug, Deserialize)]
pub(crate) struct Signature {
    /// Seconds since 1970.
    expires: i64,
    /// Hex.
    sig: String,
}

/// Streams the file, or the one byte range that was asked for.
///
/// # Errors
/// 403 when the signature is missing, wrong or too old; 404 when there is no such file; 416 for a range outside it.
pub(crate) async fn file(
    State(state): State<AppState>,
    path: Result<Path<(String, String, String)>, PathRejection>,
    signature: Result<Query<Signature>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let Path((job, lease, file)) = path.map_err(|_| ApiError::FileNotFound)?;
    let key = ArtifactKey::parse(&format!("{job}/{lease}/{file}")).ok_or(ApiError::FileNotFound)?;
    let Query(signature) = signature.map_err(|_| ApiError::LinkTampered)?;
    check(&state, &key, &signature).await?;
    let artifact = state.artifacts.open(&key).await?.ok_or(ApiError::FileNotFound)?;
    answer(artifact, &key, &headers).await
}

async fn check(state: &AppState, key: &ArtifactKey, signature: &Signature) -> Result<(), ApiError> {
    let Signature { expires, sig } = signature;
    // First whether it was ever good, so that only the holder of a real address is told that it has expired.
    if !state.signer.verify(key, *expires, sig, i64::MIN) {
        return Err(ApiError::LinkTampered);
    }
    let now_s = state.now_s().await?;
    if state.signer.verify(key, *expires, sig, now_s) { Ok(()) } else { Err(ApiError::LinkExpired) }
}

async fn answer(artifact: Artifact, key: &ArtifactKey, headers: &HeaderMap) -> Result<Response, ApiError> {
    let len_bytes = artifact.bytes();
    let (status, range) = match asked_range(headers, len_bytes) {
        AskedRange::Whole => (StatusCode::OK, 0..len_bytes),
        AskedRange::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        AskedRange::Outside => return Err(ApiError::RangeNotSatisfiable { len_bytes }),
    };
    let file = key.file_name();
    let shown = file.ends_with(".png") || file.ends_with(".html");
    // Key and file names are plain ASCII, so they fit a header as they are.
    let disposition = format!("{}; filename=\"{file}\"", if shown { "inline" } else { "attachment" });
    let mut response_headers = HeaderMap::from_iter([
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type(file))),
        (header::CONTENT_LENGTH, (range.end - range.start).into()),
        (header::ACCEPT_RANGES, HeaderValue::from_static("bytes")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(REPORT_POLICY)),
        // A finished file never changes; but a shared cache would serve it beyond its address's end.
        (header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=86400, immutable")),
    ]);
    response_headers.extend(HeaderValue::try_from(disposition).ok().map(|text| (header::CONTENT_DISPOSITION, text)));
    if status == StatusCode::PARTIAL_CONTENT {
        let text = format!("bytes {}-{}/{len_bytes}", range.start, range.end - 1);
        response_headers.extend(HeaderValue::try_from(text).ok().map(|text| (header::CONTENT_RANGE, text)));
    }
    let stream = artifact.stream_range(range).await.map_err(ApiError::FileRead)?;
    Ok((status, response_headers, Body::from_stream(stream)).into_response())
}

fn content_type(file: &str) -> &'static str {
    match file.rsplit_once('.').map(|(_, extension)| extension) {
        Some("png") => "image/png",
        Some("html") => "text/html; charset=utf-8",
        Some("json") => "application/json",
        _ => "application/octet-stream",
    }
}
