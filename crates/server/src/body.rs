//! Reading a JSON body of bounded size.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use bytes::BytesMut;
use futures::StreamExt;
use protocol::RequestError;
use serde_json::Value;

use crate::error::ApiError;

/// Largest body of `run`: RunPod's own limit (spec runpod-api §2).
pub const BODY_MAX_BYTES: usize = 10 * 1024 * 1024;

/// How much of a body that is too large is still read, and thrown away. A client that writes its whole body before it
/// reads would otherwise see a broken connection in place of the sentence; beyond this it may.
const DRAIN_MAX_BYTES: usize = 64 * 1024 * 1024;

/// A JSON body of any content type: clients of RunPod do not all send one.
#[derive(Debug)]
pub(crate) struct JsonBody(pub(crate) Value);

impl<S: Sync> FromRequest<S> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let declared = request.headers().get(header::CONTENT_LENGTH);
        let declared = declared.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if declared.is_some_and(|length| length > DRAIN_MAX_BYTES) {
            return Err(too_large());
        }
        let bytes = read(request.into_body()).await?;
        let body = serde_json::from_slice(&bytes);
        let not_json = |error: serde_json::Error| RequestError::NotJson { reason: error.to_string() };
        Ok(Self(body.map_err(not_json)?))
    }
}

/// The whole body.
async fn read(body: Body) -> Result<BytesMut, ApiError> {
    let mut kept = BytesMut::new();
    let mut seen_bytes = 0;
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| ApiError::BodyIncomplete)?;
        seen_bytes += chunk.len();
        if seen_bytes > DRAIN_MAX_BYTES {
            break;
        }
        if seen_bytes <= BODY_MAX_BYTES {
            kept.extend_from_slice(&chunk);
        } else {
            kept = BytesMut::new();
        }
    }
    if seen_bytes > BODY_MAX_BYTES { Err(too_large()) } else { Ok(kept) }
}

fn too_large() -> ApiError {
    ApiError::BodyTooLarge { limit_mib: BODY_MAX_BYTES / (1024 * 1024) }
}
