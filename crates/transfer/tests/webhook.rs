//! A webhook is posted once, as JSON, and its status comes back.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod web;

use std::time::Duration;

use serde_json::json;
use transfer::{Network, NetworkPolicy, TransferError};

const SHORT: Duration = Duration::from_secs(5);

#[tokio::test]
async fn the_body_and_the_headers_arrive_and_the_status_comes_back() {
    let base = web::serve(|request, _| {
        let right = request.method() == "POST"
            && web::header(request, "content-type") == Some("application/json")
            && web::header(request, "content-length") == Some("22")
            && web::header(request, "x-job-id") == Some("abc");
        web::status(if right { 204 } else { 400 })
    })
    .await;
    let body = json!({"status": "COMPLETED"});
    let headers = [("X-Job-Id", "abc"), ("bad header", "x")];
    assert_eq!(web::open_network().post_json(&base, &body, &headers, SHORT).await.unwrap(), 204);
}

#[tokio::test]
async fn a_refusal_and_a_redirect_are_answers() {
    let base =
        web::serve(|_, count| if count == 0 { web::status(500) } else { web::redirect("http://10.0.0.1/") }).await;
    let network = web::guarded_network();
    assert_eq!(network.post_json(&base, &json!({}), &[], SHORT).await.unwrap(), 500);
    assert_eq!(network.post_json(&base, &json!({}), &[], SHORT).await.unwrap(), 302);
}

#[tokio::test]
async fn a_webhook_into_the_private_network_is_refused() {
    let network = Network::new(NetworkPolicy::default()).unwrap();
    let error = network.post_json("http://192.168.0.10/hook?token=abc", &json!({}), &[], SHORT).await.unwrap_err();
    assert!(matches!(error, TransferError::PrivateAddress { .. }), "{error}");
    assert!(!format!("{error:?}").contains("abc"));
}

#[tokio::test]
async fn a_silent_receiver_is_too_slow() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let outcome = web::open_network().post_json(&url, &json!({}), &[], Duration::from_millis(40)).await;
    assert!(matches!(outcome, Err(TransferError::TooSlow { .. })));
}
