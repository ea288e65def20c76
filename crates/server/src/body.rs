//! The body of a request: read with a limit of size and of time, and parsed where it holds up nobody.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header;
use bytes::BytesMut;
use futures::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::ApiError;

/// Largest body of `run`: RunPod's own limit (spec runpod-api §2).
pub const BODY_MAX_BYTES: usize = 10 * 1024 * 1024;

/// How much of a body that is too large is still read, and thrown away. A client that writes its whole body before it
/// reads would otherwise see a broken connection in place of the sentence; beyond this it may.
const DRAIN_MAX_BYTES: usize = 64 * 1024 * 1024;

/// Bodies up to this size are common, and neither wait nor leave their thread: they are parsed in well below a
/// millisecond, and a connection's buffer is as large.
const SMALL_BYTES: usize = 64 * 1024;

/// Large bodies in memory at once, in bytes of text: six of the largest.
const LARGE_AT_ONCE_BYTES: usize = 6 * BODY_MAX_BYTES;

/// Large bodies being parsed at once: each may take 100 MB meanwhile.
const PARSED_AT_ONCE: usize = 2;

/// The room that there is for large bodies. Clones share it.
#[derive(Debug, Clone)]
pub struct BodyRoom {
    bytes: Arc<Semaphore>,
    parsers: Arc<Semaphore>,
}

impl Default for BodyRoom {
    fn default() -> Self {
        Self { bytes: Arc::new(Semaphore::new(LARGE_AT_ONCE_BYTES)), parsers: Arc::new(Semaphore::new(PARSED_AT_ONCE)) }
    }
}

/// A whole body.
#[derive(Debug)]
pub(crate) struct WholeBody {
    bytes: BytesMut,
    /// The room that it takes, if it is large.
    room: Option<OwnedSemaphorePermit>,
}

impl BodyRoom {
    /// Reads the body of `request`, of whatever content type: clients of RunPod do not all send one. A large body waits
    /// until there is room.
    ///
    /// # Errors
    /// When it is too large, breaks off, or pauses for longer than `pause_max`.
    pub(crate) async fn read(&self, request: Request, pause_max: Duration) -> Result<WholeBody, ApiError> {
        let declared = request.headers().get(header::CONTENT_LENGTH);
        let declared = declared.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if declared.is_some_and(|length| length > DRAIN_MAX_BYTES) {
            return Err(too_large());
        }
        // Without a declared length it may become the largest.
        let expected = declared.unwrap_or(BODY_MAX_BYTES).min(BODY_MAX_BYTES);
        let room = if expected > SMALL_BYTES { Some(self.reserve(expected).await?) } else { None };
        Ok(WholeBody { bytes: read_all(request.into_body(), pause_max).await?, room })
    }

    async fn reserve(&self, bytes: usize) -> Result<OwnedSemaphorePermit, ApiError> {
        let permits = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.bytes.clone().acquire_many_owned(permits).await.map_err(|_| ApiError::NotReady)
    }

    /// Makes something of the text of a body: at once when it is small, else on a thread of its own and in its turn.
    ///
    /// # Errors
    /// Those of `parse`.
    pub(crate) async fn parse<T: Send + 'static>(
        &self,
        body: WholeBody,
        parse: impl FnOnce(&[u8]) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        if body.bytes.len() <= SMALL_BYTES {
            return parse(&body.bytes);
        }
        let turn = self.parsers.clone().acquire_owned().await.map_err(|_| ApiError::NotReady)?;
        // A client that goes away does not stop the thread; so the thread holds what it takes.
        let parsed = tokio::task::spawn_blocking(move || {
            let parsed = parse(&body.bytes);
            drop((body.bytes, body.room, turn));
            parsed
        });
        parsed.await.unwrap_or(Err(ApiError::Panic))
    }
}

async fn read_all(body: Body, pause_max: Duration) -> Result<BytesMut, ApiError> {
    let mut kept = BytesMut::new();
    let mut seen_bytes = 0;
    let mut chunks = body.into_data_stream();
    loop {
        let next = tokio::time::timeout(pause_max, chunks.next()).await;
        let next = next.map_err(|_| ApiError::BodyTooSlow { limit_s: pause_max.as_secs_f64() })?;
        let Some(chunk) = next else { break };
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
