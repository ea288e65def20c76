//! A webhook is posted once, as JSON; its answer comes back; its address is a secret.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod web;

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use protocol::FailureCode;
use serde_json::json;
use transfer::webhook::RETRY_AFTER_MAX;
use transfer::{Network, NetworkPolicy, TransferError, WebhookAnswer};

const SHORT: Duration = Duration::from_secs(5);

fn guarded() -> Network {
    Network::new(NetworkPolicy::default()).unwrap()
}

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
    let answer = web::open_network().post_json(&base, &body, &headers, SHORT).await.unwrap();
    assert_eq!(answer, WebhookAnswer { status: 204, retry_after: None });
}

#[tokio::test]
async fn a_refusal_and_a_redirect_are_answers() {
    let base =
        web::serve(|_, count| if count == 0 { web::status(500) } else { web::redirect("http://10.0.0.1/") }).await;
    let network = web::guarded_network();
    assert_eq!(network.post_json(&base, &json!({}), &[], SHORT).await.unwrap().status, 500);
    assert_eq!(network.post_json(&base, &json!({}), &[], SHORT).await.unwrap().status, 302);
}

#[tokio::test]
async fn a_receiver_that_asks_for_time_is_heard_in_seconds_and_in_every_form_of_date() {
    const SENT: &str = "Wed, 25 Nov 2026 08:00:00 GMT";
    let table: [(&'static str, Option<u64>); 12] = [
        ("0", Some(0)),
        (" 120 ", Some(120)),
        ("86400", Some(86_400)),
        ("86401", Some(86_400)),
        ("999999999999999999999999", Some(86_400)),
        ("Wed, 25 Nov 2026 08:05:00 GMT", Some(300)),
        ("Wednesday, 25-Nov-26 08:05:00 GMT", Some(300)),
        ("Wed Nov 25 08:05:00 2026", Some(300)),
        ("Fri, 25 Dec 2026 08:00:00 GMT", Some(86_400)),
        ("Tue, 24 Nov 2026 08:00:00 GMT", Some(0)),
        ("-5", None),
        ("soon", None),
    ];
    assert_eq!(RETRY_AFTER_MAX, Duration::from_secs(86_400));
    for (text, seconds) in table {
        let base = web::serve(move |_, _| {
            let answer = Response::builder().status(503).header("date", SENT).header("retry-after", text);
            answer.body(Body::empty()).unwrap()
        })
        .await;
        let answer = web::open_network().post_json(&base, &json!({}), &[], SHORT).await.unwrap();
        assert_eq!(answer, WebhookAnswer { status: 503, retry_after: seconds.map(Duration::from_secs) }, "{text}");
    }
}

#[tokio::test]
async fn a_webhook_into_the_private_network_is_refused() {
    let error = guarded().post_json("http://192.168.0.10/hook?token=abc", &json!({}), &[], SHORT).await.unwrap_err();
    assert!(matches!(error, TransferError::PrivateAddress { .. }), "{error}");
    assert!(!format!("{error:?}").contains("abc"));
}

#[tokio::test]
async fn a_silent_receiver_is_too_slow() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/services/hunter2", listener.local_addr().unwrap());
    let outcome = web::open_network().post_json(&url, &json!({}), &[], Duration::from_millis(40)).await;
    let error = outcome.unwrap_err();
    assert!(matches!(error, TransferError::TooSlow { .. }), "{error}");
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
}

#[tokio::test]
async fn no_error_of_a_webhook_shows_more_than_scheme_and_host() {
    let urls = [
        ("http://127.0.0.1:1/hunter2?sig=hunter2", "http://127.0.0.1:1"),
        ("http://192.168.0.10:8080/T0/hunter2", "http://192.168.0.10:8080"),
        ("http://localhost:9/hunter2", "http://localhost:9"),
        ("ftp://hooks.example/hunter2", "ftp://hooks.example"),
        ("https://me:hunter2@hooks.example/hunter2", "https://hooks.example"),
        ("https://hooks.example:0/hunter2", "https://hooks.example:0"),
        ("data:text/plain,hunter2", "data:"),
        ("hooks.example/hunter2", "***"),
        ("https://hooks example/hunter2", "***"),
    ];
    for (url, shown) in urls {
        let network = if url.contains("127.0.0.1") { web::open_network() } else { guarded() };
        let error = network.post_json(url, &json!({}), &[], SHORT).await.unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains(shown) && !text.contains("hunter2"), "{text}");
    }
}

#[test]
fn a_webhook_that_can_never_be_asked_is_told_at_submit_by_its_field() {
    let network = guarded();
    let table = [
        ("", "relative URL without a base"),
        ("hooks.example/hunter2", "relative URL without a base"),
        ("https://", "empty host"),
        ("ftp://hooks.example/hunter2", "ftp is not http or https"),
        ("javascript:alert('hunter2')", "javascript is not http or https"),
        ("https://me:hunter2@hooks.example/", "user name or password"),
        ("https://hooks.example:0/hunter2", "port 0"),
        ("https://hooks.example:99999/hunter2", "invalid port number"),
        ("http://10.0.0.1/hunter2", "10.0.0.1 is not a public address"),
        ("http://2130706433/hunter2", "127.0.0.1 is not a public address"),
        ("http://[::ffff:a9fe:a9fe]/hunter2", "is not a public address"),
        ("http://168.63.129.16/hunter2", "168.63.129.16 is not a public address"),
        ("http://localhost:8000/hunter2", "localhost is not a public address"),
        ("http://api.LOCALHOST./hunter2", "is not a public address"),
    ];
    for (url, reason) in table {
        let error = network.check_webhook(url).unwrap_err();
        let sentence = error.to_string();
        assert!(sentence.starts_with("webhook cannot be used: ") && sentence.contains(reason), "{url}: {sentence}");
        assert!(!format!("{sentence} {error:?}").contains("hunter2"), "{error:?}");
        assert_eq!((error.code(), error.is_machine_fault()), (FailureCode::AddressRefused, false));
    }
    for url in ["https://hooks.example/services/T0/B1", "http://8.8.8.8:8080", " https://hooks.example/ "] {
        network.check_webhook(url).unwrap();
    }
    for url in ["http://10.0.0.1/", "http://localhost:8000/hook"] {
        web::open_network().check_webhook(url).unwrap();
    }
    web::guarded_network().check_webhook("http://127.0.0.1:8000/hook").unwrap();
}
