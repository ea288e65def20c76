//! The job id in a path.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use protocol::JobId;

use crate::error::ApiError;

/// The `{id}` of `status/{id}` and `cancel/{id}`. A text that no job can have is answered like an id that none has.
#[derive(Debug)]
pub(crate) struct JobPath(pub(crate) JobId);

impl<S: Send + Sync> FromRequestParts<S> for JobPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(id) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| ApiError::JobNotFound)?;
        id.parse().map(Self).map_err(|_| ApiError::JobNotFound)
    }
}
