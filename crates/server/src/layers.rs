//! What surrounds every request: an id, a trace, a net under panics, a limit of time.

use std::any::Any;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::HeaderName;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::trace::TraceLayer;

use crate::error::ApiError;

/// Longest time until an answer begins: twice what the store waits for its database at most. A body of 10 MiB may come
/// in at 170 kB/s. Files that stream out are not concerned: their answer has begun.
const ANSWER_MAX: Duration = Duration::from_secs(60);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Puts the layers around `routes`; the first one stands outermost.
pub(crate) fn around(routes: Router) -> Router {
    routes.layer(
        ServiceBuilder::new()
            .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
            .layer(TraceLayer::new_for_http().make_span_with(span))
            .layer(PropagateRequestIdLayer::new(REQUEST_ID))
            .layer(CatchPanicLayer::custom(after_panic))
            .layer(from_fn(within_time)),
    )
}

/// Neither headers nor the query: keys stand in the one, signatures in the other.
fn span(request: &Request) -> tracing::Span {
    let id = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default();
    tracing::info_span!("request", id, method = %request.method(), path = request.uri().path())
}

fn after_panic(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = text.unwrap_or("no text"), "a request handler panicked");
    ApiError::Panic.into_response()
}

async fn within_time(request: Request, next: Next) -> Result<Response, ApiError> {
    let answer = tokio::time::timeout(ANSWER_MAX, next.run(request)).await;
    answer.map_err(|_| ApiError::TimedOut { limit_s: ANSWER_MAX.as_secs() })
}
