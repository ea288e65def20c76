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
pub(crate) const ANSWER_MAX: Duration = Duration::from_secs(60);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Puts the layers around `routes`; the first one stands outermost. An answer must begin within `answer_max`.
pub(crate) fn around(routes: Router, answer_max: Duration) -> Router {
    routes.layer(
        ServiceBuilder::new()
            .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
            .layer(TraceLayer::new_for_http().make_span_with(span))
            .layer(PropagateRequestIdLayer::new(REQUEST_ID))
            .layer(CatchPanicLayer::custom(after_panic))
            .layer(from_fn(move |request, next| within_time(answer_max, request, next))),
    )
}

/// Neither headers nor the query: keys stand in the one, signatures in the other.
fn span(request: &Request) -> tracing::Span {
    let id = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default();
    tracing::info_span!("request", id, method = %request.method(), path = request.uri().path())
}

#[allow(clippy::needless_pass_by_value, reason = "the signature that CatchPanicLayer calls")]
fn after_panic(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = text.unwrap_or("no text"), "a request handler panicked");
    ApiError::Panic.into_response()
}

async fn within_time(answer_max: Duration, request: Request, next: Next) -> Result<Response, ApiError> {
    let answer = tokio::time::timeout(answer_max, next.run(request)).await;
    answer.map_err(|_| ApiError::TimedOut { limit_s: answer_max.as_secs() })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::StatusCode;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;

    async fn panics() {
        panic!("a detail for the log");
    }

    #[tokio::test]
    async fn a_panic_becomes_an_internal_error_without_detail() {
        let request = Request::get("/").body(Body::empty()).unwrap();
        let response = around(Router::new().route("/", get(panics)), ANSWER_MAX).oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(response.headers()["content-type"], "application/json");
        let body = to_bytes(response.into_body(), 1_000).await.unwrap();
        assert_eq!(body, r#"{"error":"internal error: the server's log says why."}"#);
    }

    #[tokio::test]
    async fn an_answer_that_does_not_come_is_given_up() {
        let never = || std::future::pending::<()>();
        let request = Request::get("/").body(Body::empty()).unwrap();
        let response =
            around(Router::new().route("/", get(never)), Duration::from_secs(1)).oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        let body = to_bytes(response.into_body(), 1_000).await.unwrap();
        assert_eq!(body, r#"{"error":"the request took longer than 1 s and was given up; try again."}"#);
    }
}
