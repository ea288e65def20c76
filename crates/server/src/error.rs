//! Every way in which a request can be refused: a type with its status and its sentence.
//!
//! Clients always get `application/json` with `{"error":"…"}` (spec runpod-api §0.10, §4). What went wrong inside is
//! for the log alone.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jobs::{Scope, StoreError};
use protocol::{ENDPOINT, RequestError};
use serde_json::json;
use transfer::TransferError;

/// When a client that was turned away because of load may come again, in seconds. A training takes minutes, so a queue
/// does not empty faster; RunPod's Python client waits as long as it is told.
const RETRY_AFTER_S: u64 = 10;

/// Why a request got no answer of its own. `Display` is the sentence that the client reads.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApiError {
    /// 400: the body is no job request.
    #[error(transparent)]
    BadRequest(#[from] RequestError),
    /// 400, not 413: RunPod's clients look for this phrase.
    #[error("The request body exceeded max body size of {limit_mib}MiB; put large data behind data_url instead.")]
    BodyTooLarge {
        /// The limit in MiB.
        limit_mib: usize,
    },
    /// 400: the connection broke while the body came in.
    #[error("The request body ended before it was complete; send the request again.")]
    BodyIncomplete,
    /// 400: the address of the webhook is one that can never be asked.
    #[error(transparent)]
    Webhook(TransferError),
    /// 400: no name for a request.
    #[error("The header Idempotency-Key must have 1 to {max} visible ASCII characters; a UUID is a good one.")]
    BadIdempotencyKey {
        /// Most characters.
        max: usize,
    },
    /// 408: the body paused for too long.
    #[error("the request body stopped coming in for {limit_s} s; send the request again.")]
    BodyTooSlow {
        /// The limit in seconds.
        limit_s: f64,
    },
    /// 409: the same name for two requests.
    #[error(
        "conflict: the header Idempotency-Key was used with another body within the last day; choose a new key for a new \
         request."
    )]
    IdempotencyConflict,
    /// 415: a POST without a key that is not of JSON.
    #[error(
        "unsupported media type: this server runs without keys, so a POST must have the header Content-Type: \
         application/json."
    )]
    NotJsonContent,
    /// 401: no key, or an unknown one.
    #[error(
        "unauthorized: send an API key of this server in the header \"Authorization: Bearer YOUR_KEY\" (or \
         \"Authorization: YOUR_KEY\")."
    )]
    Unauthorized,
    /// 403: a key that may not do this.
    #[error(
        "forbidden: this key has not the scope {scope}, which this operation needs; use a key that was made with --scope \
         {scope}."
    )]
    KeyLacksScope {
        /// The scope that is needed.
        scope: Scope,
    },
    /// 403: a key for other endpoints.
    #[error(
        "forbidden: this key is not for the endpoint {ENDPOINT}; use a key that was made with --endpoint {ENDPOINT}, or \
         for all endpoints."
    )]
    KeyForOthers,
    /// 403: a request without a key that did not come from a program that speaks to this machine.
    #[error(
        "forbidden: this server runs without keys and answers programs of its own machine alone, but the header {header} \
         is {found:?}; ask http://127.0.0.1:{port}, or start the server without --no-auth and use a key."
    )]
    NotThisMachine {
        /// Which header.
        header: String,
        /// Its value, shortened.
        found: String,
        /// The port of this server.
        port: u16,
    },
    /// 403: a file's address whose signature does not fit.
    #[error(
        "forbidden: the signature of this address is missing or does not fit it; copy the address from the job's \
         output, with everything behind the question mark."
    )]
    LinkTampered,
    /// 403: a file's address that is too old.
    #[error("forbidden: this address has expired; ask for the job's status again to get a fresh one.")]
    LinkExpired,
    /// 404: a path that names another endpoint.
    #[error("endpoint not found: this server has one endpoint, {ENDPOINT}; its paths begin with /v2/{ENDPOINT}/.")]
    EndpointNotFound,
    /// 404: an operation that is not there.
    #[error(
        "not found: {ENDPOINT} has the operations POST run, GET status/JOB_ID, POST cancel/JOB_ID and GET health \
         (for example /v2/{ENDPOINT}/health)."
    )]
    OperationNotFound,
    /// 404: no such job.
    #[error("job not found: no job has this id; use the id that run returned, on the server that returned it.")]
    JobNotFound,
    /// 404: no such file.
    #[error("file not found: the job's files are gone or were never made; ask for the job's status.")]
    FileNotFound,
    /// 405: a known path with a method it does not have; the header `Allow` names those it has.
    #[error("method not allowed: the header Allow of this answer names the methods of this path.")]
    MethodNotAllowed,
    /// 416: a byte range outside the file.
    #[error("range not satisfiable: the file has {len_bytes} bytes.")]
    RangeNotSatisfiable {
        /// The file's length.
        len_bytes: u64,
    },
    /// 429: as many jobs wait as may.
    #[error("too many requests: {limit} jobs are waiting, which is the limit; try again when some are done.")]
    QueueFull {
        /// Most jobs in the queue.
        limit: i64,
    },
    /// 503: the answer took too long.
    #[error("the request took longer than {limit_s} s and was given up; try again.")]
    TimedOut {
        /// The limit in seconds.
        limit_s: u64,
    },
    /// 503: the server cannot do its work at present.
    #[error("not ready: the job store does not answer; the server's log says why.")]
    NotReady,
    /// 500: the store failed.
    #[error("internal error: the job store failed; the server's log says why.")]
    Store(#[source] StoreError),
    /// 500: the artifact store failed.
    #[error("internal error: the file could not be read; the server's log says why.")]
    Artifacts(#[from] TransferError),
    /// 500: a file of the artifact store could not be read.
    #[error("internal error: the file could not be read; the server's log says why.")]
    FileRead(#[source] std::io::Error),
    /// 500: a fault of this program.
    #[error("internal error: the server's log says why.")]
    Panic,
}

impl ApiError {
    /// The HTTP status that goes with the sentence.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_)
            | Self::BodyTooLarge { .. }
            | Self::BodyIncomplete
            | Self::Webhook(_)
            | Self::BadIdempotencyKey { .. } => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::KeyLacksScope { .. }
            | Self::KeyForOthers
            | Self::NotThisMachine { .. }
            | Self::LinkTampered
            | Self::LinkExpired => StatusCode::FORBIDDEN,
            Self::EndpointNotFound | Self::OperationNotFound | Self::JobNotFound | Self::FileNotFound => {
                StatusCode::NOT_FOUND
            }
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooSlow { .. } => StatusCode::REQUEST_TIMEOUT,
            Self::IdempotencyConflict => StatusCode::CONFLICT,
            Self::NotJsonContent => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::RangeNotSatisfiable { .. } => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::QueueFull { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::TimedOut { .. } | Self::NotReady => StatusCode::SERVICE_UNAVAILABLE,
            Self::Store(_) | Self::Artifacts(_) | Self::FileRead(_) | Self::Panic => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The header that some statuses carry beside the sentence.
    fn header(&self) -> Option<(header::HeaderName, HeaderValue)> {
        match self {
            Self::Unauthorized => Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            Self::RangeNotSatisfiable { len_bytes } => {
                let range = HeaderValue::from_str(&format!("bytes */{len_bytes}")).ok()?;
                Some((header::CONTENT_RANGE, range))
            }
            Self::QueueFull { .. } | Self::TimedOut { .. } | Self::NotReady => {
                Some((header::RETRY_AFTER, RETRY_AFTER_S.into()))
            }
            _ => None,
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::QueueFull { limit, .. } => Self::QueueFull { limit },
            error => Self::Store(error),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        match &self {
            Self::Store(error) => tracing::error!(%error, "the job store failed"),
            Self::Artifacts(error) => tracing::error!(%error, "the artifact store failed"),
            Self::FileRead(error) => tracing::error!(%error, "a file of the artifact store could not be read"),
            _ => {}
        }
        let mut response = (self.status(), Json(json!({ "error": self.to_string() }))).into_response();
        response.headers_mut().extend(self.header());
        response
    }
}
