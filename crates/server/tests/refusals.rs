//! Requests that get no answer of their own: which status and which words they get instead.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod site;

use axum::body::Body;
use axum::http::StatusCode;
use jobs::NewJob;
use protocol::ENDPOINT;
use serde_json::json;
use server::{Access, QUEUE_MAX};
use site::{Site, smallest};

const RUN: &str = "/v2/dream-booth-v1/run";

#[tokio::test]
async fn a_wrong_request_is_answered_with_the_sentence_that_helps() {
    let site = Site::open().await;
    let answer =
        site.post(RUN, &json!({"input": {"train": {"data_url": "https://a.example", "unet_resolution": 100}}})).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.error(), "input.train.unet_resolution is 100, but must be a multiple of 64 from 64 to 1024.");
    for malformed in ["", "{", "{\"input\": {}} trailing", "\u{0}"] {
        let answer = site.ask("POST", RUN, malformed).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(answer.error().starts_with("The body is not valid JSON ("), "{}", answer.error());
    }
    let deep = "[".repeat(100_000);
    assert_eq!(site.ask("POST", RUN, deep).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(site.state.store.counts(ENDPOINT).await.unwrap().in_queue, 0);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_told_so_in_runpods_words() {
    let site = Site::open().await;
    let mut body = smallest();
    body["input"]["train"]["data_url"] = json!(format!("https://a.example/{}", "x".repeat(server::BODY_MAX_BYTES)));
    let answer = site.post(RUN, &body).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.error().contains("exceeded max body size of 10MiB"), "{}", answer.error());
    body["input"]["train"]["data_url"] = smallest()["input"]["train"]["data_url"].clone();
    body["ignored"] = json!("x".repeat(server::BODY_MAX_BYTES - 200));
    assert_eq!(site.post(RUN, &body).await.status, StatusCode::OK);
}

#[tokio::test]
async fn unknown_jobs_endpoints_and_operations_are_told_apart() {
    let site = Site::open().await;
    let cases = [
        ("/v2/dream-booth-v1/status/nobody", "job not found"),
        ("/v2/dream-booth-v1/status/a.b", "job not found"),
        ("/v2/dream-booth-v1/status/%2e%2e%2fetc", "job not found"),
        ("/v2/dream-booth-v1/status/%ff", "job not found"),
        ("/v2/stable-diffusion-v1/health", "endpoint not found"),
        ("/v1/dream-booth-v2/status/x", "endpoint not found"),
        ("/v2/dream-booth-v1/runsync", "not found: dream-booth-v1 has the operations"),
        ("/v2/dream-booth-v1", "not found: dream-booth-v1 has the operations"),
        ("/", "not found: dream-booth-v1 has the operations"),
    ];
    for (path, beginning) in cases {
        let answer = site.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(answer.error().starts_with(beginning), "{path}: {}", answer.error());
    }
    assert_eq!(site.post("/v2/dream-booth-v1/cancel/nobody", &json!({})).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let site = Site::open().await;
    for (method, path, allowed) in [
        ("GET", "/v2/dream-booth-v1/run", "POST"),
        ("DELETE", "/v2/dream-booth-v1/status/x", "GET,HEAD,POST"),
        ("GET", "/v2/dream-booth-v1/cancel/x", "POST"),
        ("POST", "/v1/dream-booth-v1/health", "GET,HEAD"),
        ("POST", "/livez", "GET,HEAD"),
    ] {
        let answer = site.ask(method, path, Body::empty()).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert!(answer.error().starts_with("method not allowed"), "{path}");
        assert_eq!(answer.header("allow"), Some(allowed), "{path}");
    }
}

#[tokio::test]
async fn a_full_queue_is_told_when_to_come_back() {
    let site = Site::open().await;
    for n in 0..QUEUE_MAX {
        let id = format!("waiting-{n}").parse().unwrap();
        let job = NewJob::new(id, ENDPOINT, smallest(), json!({}));
        site.state.store.submit(job, None).await.unwrap();
    }
    let answer = site.post(RUN, &smallest()).await;
    assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, Some("10")));
    assert!(answer.error().starts_with("too many requests: 500 jobs are waiting"), "{}", answer.error());
    site.claim().await;
    assert_eq!(site.post(RUN, &smallest()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_broken_store_is_an_internal_error_without_detail() {
    let site = Site::with(|config| config.access = Access::ThisMachine { port: 8000 }).await;
    let id = site.run(&smallest()).await;
    site.state.store.close().await;
    for answer in [
        site.post(RUN, &smallest()).await,
        site.get(&format!("/v2/dream-booth-v1/status/{id}")).await,
        site.get("/v2/dream-booth-v1/health").await,
    ] {
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer.error(), "internal error: the job store failed; the server's log says why.");
    }
}
