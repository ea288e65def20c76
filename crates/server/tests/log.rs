//! The log, at its most talkative, holds no key, no token and no signature.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod site;

use std::io;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::Request;
use serde_json::json;
use server::deliver_due;
use site::{Site, path_of, smallest};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn the_log_shows_what_happened_and_no_secret() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let site = Site::open().await;
    let mut body = smallest();
    body["input"]["train"]["hf_model"] = json!("owner/private");
    body["input"]["train"]["hf_token"] = json!("hf_hidden");
    body["webhook"] = json!("http://127.0.0.1:1/services/in-its-path?token=of-the-receiver");
    site.run(&body).await;
    let id = site.complete_next().await;
    deliver_due(&site.state).await.unwrap();
    let picture = path_of(&site.status("v1", &id).await["output"]["inference"][0]["images"][0]);
    let signature = picture.split("sig=").nth(1).unwrap().to_owned();
    site.send(Request::get(&picture).body(Body::empty()).unwrap()).await;
    let wrong_key = Request::get("/v2/dream-booth-v1/health").header("authorization", "Bearer dbk_wrong");
    site.send(wrong_key.body(Body::empty()).unwrap()).await;

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("job submitted") && log.contains("webhook postponed") && log.contains("0-0.png"), "{log}");
    for secret in [site.key.as_str(), "dbk_wrong", "hf_hidden", "of-the-receiver", "in-its-path", signature.as_str()] {
        assert!(!log.contains(secret), "the log holds {secret}");
    }
}
