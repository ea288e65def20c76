//! A server without keys answers programs of its own machine, and no web page in a browser on it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod site;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use server::Access;
use site::{Answer, Site, smallest};

const RUN: &str = "/v2/dream-booth-v1/run";

async fn open() -> Site {
    Site::with(|config| config.access = Access::ThisMachine { port: 8000 }).await
}

async fn send(site: &Site, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    site.send(request.body(Body::from(smallest().to_string())).unwrap()).await
}

#[tokio::test]
async fn a_program_of_this_machine_needs_no_key() {
    let site = open().await;
    for host in ["127.0.0.1:8000", "localhost:8000", "LOCALHOST:8000", "[::1]:8000", "127.8.9.1:8000"] {
        let answer = send(&site, "GET", "/v2/dream-booth-v1/health", &[("host", host)]).await;
        assert_eq!(answer.status, StatusCode::OK, "{host}");
        let own_page =
            [("host", host), ("origin", "http://localhost:8000"), ("content-type", "application/json; charset=utf-8")];
        let answer = send(&site, "POST", RUN, &own_page).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    }
}

#[tokio::test]
async fn a_page_under_a_name_that_leads_here_reads_nothing() {
    let site = open().await;
    let id = send(&site, "POST", RUN, &[("host", "localhost:8000"), ("content-type", "application/json")]).await;
    let status = format!("/v2/dream-booth-v1/status/{}", id.json()["id"].as_str().unwrap());
    let hosts = [
        "evil.example:8000",
        "evil.example",
        "127.0.0.1.evil.example:8000",
        "localhost.evil.example:8000",
        "localhost:8001",
        "localhost",
        "192.168.1.2:8000",
        "0.0.0.0:8000",
        "user@localhost:8000",
        "",
    ];
    for host in hosts {
        let answer = send(&site, "GET", &status, &[("host", host)]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{host}");
        assert_eq!(
            answer.error(),
            format!(
                "forbidden: this server runs without keys and answers programs of its own machine alone, but the header \
                 host is {host:?}; ask http://127.0.0.1:8000, or start the server without --no-auth and use a key."
            )
        );
    }
    assert_eq!(send(&site, "GET", &status, &[]).await.status, StatusCode::FORBIDDEN);
    let twice = [("host", "localhost:8000"), ("host", "evil.example")];
    assert_eq!(send(&site, "GET", &status, &twice).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_page_of_another_origin_submits_and_cancels_nothing() {
    let site = open().await;
    for origin in
        ["https://evil.example", "http://evil.example:8000", "http://localhost:3000", "https://localhost:8000", "null"]
    {
        let headers = [("host", "localhost:8000"), ("origin", origin), ("content-type", "application/json")];
        for path in [RUN, "/v1/dream-booth-v1/cancel/x"] {
            let answer = send(&site, "POST", path, &headers).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{origin} {path}");
            assert!(answer.error().contains(&format!("the header origin is {origin:?}")), "{}", answer.error());
        }
    }
    // What a page may send without asking: a form, or text. Its browser adds an origin, but old ones do not.
    for content in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain; application/json",
    ] {
        let answer = send(&site, "POST", RUN, &[("host", "localhost:8000"), ("content-type", content)]).await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{content}");
        assert_eq!(
            answer.error(),
            "unsupported media type: this server runs without keys, so a POST must have the header Content-Type: \
             application/json."
        );
    }
    assert_eq!(
        send(&site, "POST", RUN, &[("host", "localhost:8000")]).await.status,
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
    assert_eq!(site.state.store.counts(protocol::ENDPOINT).await.unwrap().in_queue, 0);
}

#[tokio::test]
async fn with_a_key_any_host_and_content_type_is_fine() {
    let site = Site::open().await;
    let key = format!("Bearer {}", site.key);
    for content in ["text/plain", "application/json", "application/octet-stream"] {
        let headers = [("authorization", key.as_str()), ("host", "gpu-box.lan"), ("content-type", content)];
        assert_eq!(send(&site, "POST", RUN, &headers).await.status, StatusCode::OK, "{content}");
    }
    assert_eq!(send(&site, "POST", RUN, &[("authorization", &key)]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn without_the_operators_word_a_server_on_loopback_obeys_nobody_who_has_no_key() {
    let site = Site::open().await;
    site.state.store.revoke_key("test").await.unwrap();
    let answer = send(&site, "POST", RUN, &[("host", "127.0.0.1:8000"), ("content-type", "application/json")]).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}
