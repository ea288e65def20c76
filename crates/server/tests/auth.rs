//! Keys: in which forms they are taken, and that nothing passes without one.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod site;

use axum::body::Body;
use axum::http::{HeaderValue, Request, StatusCode, header};
use jobs::{Endpoints, Scope};
use site::{Answer, Site, smallest};

async fn health_with(site: &Site, authorization: Option<HeaderValue>) -> Answer {
    let mut request = Request::get("/v2/dream-booth-v1/health").body(Body::empty()).unwrap();
    request.headers_mut().extend(authorization.map(|value| (header::AUTHORIZATION, value)));
    site.send(request).await
}

#[tokio::test]
async fn a_key_is_taken_as_bearer_in_any_case_or_raw() {
    let site = Site::open().await;
    for form in ["Bearer KEY", "bearer KEY", "BEARER   KEY", "KEY", " KEY "] {
        let value = form.replace("KEY", &site.key).parse().unwrap();
        assert_eq!(health_with(&site, Some(value)).await.status, StatusCode::OK, "{form}");
    }
}

#[tokio::test]
async fn an_absent_or_unknown_key_is_told_how_to_send_one() {
    let site = Site::open().await;
    let mut almost = site.key.clone();
    almost.pop();
    let forms = [
        None,
        Some(HeaderValue::from_static("")),
        Some(HeaderValue::from_static("Bearer")),
        Some(HeaderValue::from_static("Bearer ")),
        Some(HeaderValue::from_static("Bearer dbk_wrong")),
        Some(HeaderValue::from_static("dbk_wrong")),
        Some(HeaderValue::from_bytes(b"Bearer \xff").unwrap()),
        Some(format!("Basic {}", site.key).parse().unwrap()),
        Some(format!("Bearer {almost}").parse().unwrap()),
        Some(format!("Bearer {}x", site.key).parse().unwrap()),
    ];
    for form in forms {
        let answer = health_with(&site, form.clone()).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{form:?}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        assert_eq!(
            answer.error(),
            "unauthorized: send an API key of this server in the header \"Authorization: Bearer YOUR_KEY\" (or \
             \"Authorization: YOUR_KEY\")."
        );
    }
}

#[tokio::test]
async fn no_operation_of_either_version_passes_without_a_key() {
    let site = Site::open().await;
    let id = site.run(&smallest()).await;
    for version in ["v1", "v2", "/v2//"] {
        let base = format!("/{version}/dream-booth-v1");
        for (method, path) in [
            ("POST", format!("{base}/run")),
            ("GET", format!("{base}/status/{id}")),
            ("POST", format!("{base}/status/{id}")),
            ("POST", format!("{base}/cancel/{id}")),
            ("GET", format!("{base}/health")),
        ] {
            let request = Request::builder().method(method).uri(&path).body(smallest().to_string().into()).unwrap();
            assert_eq!(site.send(request).await.status, StatusCode::UNAUTHORIZED, "{method} {path}");
        }
    }
    assert_eq!(site.status("v2", &id).await["status"], "IN_QUEUE");
    assert_eq!(site.state.store.counts(protocol::ENDPOINT).await.unwrap().in_queue, 1);
}

#[tokio::test]
async fn a_revoked_key_is_refused_at_once() {
    let site = Site::open().await;
    assert_eq!(site.get("/v2/dream-booth-v1/health").await.status, StatusCode::OK);
    assert!(site.state.store.revoke_key("test").await.unwrap());
    assert_eq!(site.get("/v2/dream-booth-v1/health").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn revoking_the_last_key_opens_nothing() {
    let site = Site::open().await;
    assert!(site.state.store.revoke_key("test").await.unwrap());
    for version in ["v1", "v2"] {
        let without = Request::get(format!("/{version}/dream-booth-v1/health")).body(Body::empty()).unwrap();
        assert_eq!(site.send(without).await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_key_does_what_its_scopes_say_and_nothing_else() {
    let site = Site::open().await;
    let id = site.run(&smallest()).await;
    let base = "/v2/dream-booth-v1";
    let reading = [
        ("GET", format!("{base}/health")),
        ("GET", format!("{base}/status/{id}")),
        ("POST", format!("{base}/status/{id}")),
    ];
    let writing = [("POST", format!("{base}/run")), ("POST", format!("{base}/cancel/{id}"))];
    for (scope, reads, writes) in
        [(Scope::Read, true, false), (Scope::Write, false, true), (Scope::Worker, false, false)]
    {
        let key = site.state.store.create_key(scope.as_str(), &[scope], &Endpoints::All).await.unwrap();
        for (needed, allowed, operations) in [("read", reads, &reading[..]), ("write", writes, &writing[..])] {
            for (method, path) in operations {
                let request = Request::builder().method(*method).uri(path).header(header::AUTHORIZATION, &key);
                let answer = site.send(request.body(smallest().to_string().into()).unwrap()).await;
                if allowed {
                    assert_eq!(answer.status, StatusCode::OK, "{scope} {method} {path}");
                    continue;
                }
                assert_eq!(answer.status, StatusCode::FORBIDDEN, "{scope} {method} {path}");
                assert_eq!(
                    answer.error(),
                    format!(
                        "forbidden: this key has not the scope {needed}, which this operation needs; use a key that was \
                         made with --scope {needed}."
                    )
                );
            }
        }
    }
}

#[tokio::test]
async fn a_key_for_other_endpoints_opens_nothing_here() {
    let site = Site::open().await;
    for (endpoint, status) in [("upscale-v1", StatusCode::FORBIDDEN), ("dream-booth-v1", StatusCode::OK)] {
        let endpoints = Endpoints::Only([endpoint.to_owned()].into());
        let key = site.state.store.create_key(endpoint, &[Scope::Read], &endpoints).await.unwrap();
        let answer = health_with(&site, Some(key.parse().unwrap())).await;
        assert_eq!(answer.status, status, "{endpoint}");
        if status == StatusCode::FORBIDDEN {
            assert!(answer.error().starts_with("forbidden: this key is not for the endpoint dream-booth-v1; "));
        }
    }
}

#[tokio::test]
async fn a_job_keeps_the_id_of_the_key_that_submitted_it() {
    let site = Site::open().await;
    let id = site.run(&smallest()).await;
    let key = site.state.store.verify_key(&site.key).await.unwrap().unwrap();
    assert_eq!(site.state.store.get(&id).await.unwrap().unwrap().owner, Some(key.id));
}
