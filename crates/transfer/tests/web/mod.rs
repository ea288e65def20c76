//! A small web server on the loopback address, and a client that may reach it.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test file uses a part of it, and fails by panicking"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use futures::{StreamExt, stream};
use transfer::{DownloadLimits, Network, NetworkPolicy};

/// Serves `answer` for every request; its second argument counts the requests from 0. Returns `http://127.0.0.1:PORT`.
pub async fn serve(answer: impl Fn(&Request, usize) -> Response + Send + Sync + 'static) -> String {
    let (answer, count) = (Arc::new(answer), Arc::new(AtomicUsize::new(0)));
    let app = axum::Router::new().fallback(move |request: Request| {
        let (answer, count) = (answer.clone(), count.clone());
        async move { answer(&request, count.fetch_add(1, Ordering::SeqCst)) }
    });
    let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    base
}

pub fn status(code: u16) -> Response {
    Response::builder().status(code).body(Body::empty()).unwrap()
}

pub fn redirect(to: &str) -> Response {
    Response::builder().status(302).header("location", to).body(Body::empty()).unwrap()
}

pub fn whole(bytes: impl Into<Bytes>) -> Response {
    Response::new(Body::from(bytes.into()))
}

/// Declares `declared` bytes, sends `sent` and breaks the connection.
pub fn cut(sent: &[u8], declared: usize, etag: &str) -> Response {
    let sent = Bytes::copy_from_slice(sent);
    // The server drops what it has not yet flushed when a body fails, so it gets a moment for it.
    let fail = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(std::io::Error::other("cut"))
    };
    let body = Body::from_stream(stream::iter([Ok(sent)]).chain(stream::once(fail)));
    Response::builder().header("content-length", declared).header("etag", etag).body(body).unwrap()
}

/// Declares `declared` bytes, sends `sent`, and then nothing more.
pub fn stalled(sent: &[u8], declared: usize) -> Response {
    let sent = Bytes::copy_from_slice(sent);
    let body = Body::from_stream(stream::iter([Ok::<_, std::io::Error>(sent)]).chain(stream::pending()));
    Response::builder().header("content-length", declared).body(body).unwrap()
}

/// The rest of `all` that a `Range` header asks for.
pub fn rest(all: &[u8], request: &Request, etag: &str) -> Response {
    let start = range_start(request).unwrap();
    Response::builder()
        .status(206)
        .header("content-range", format!("bytes {start}-{}/{}", all.len() - 1, all.len()))
        .header("etag", etag)
        .body(Body::from(all[start..].to_vec()))
        .unwrap()
}

pub fn header<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    request.headers().get(name)?.to_str().ok()
}

pub fn range_start(request: &Request) -> Option<usize> {
    header(request, "range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
}

/// A client that may reach everything.
pub fn open_network() -> Network {
    Network::new(NetworkPolicy { allow_private_networks: true }).unwrap()
}

/// A client that may reach the public internet and the test's server, by its number.
pub fn guarded_network() -> Network {
    Network::with_private_hosts(NetworkPolicy::default(), &["127.0.0.1"]).unwrap()
}

/// Limits without waiting.
pub fn quick() -> DownloadLimits {
    DownloadLimits {
        max_bytes: 1 << 20,
        idle_timeout: Duration::from_secs(5),
        total_timeout: Duration::from_secs(20),
        failures_max: 3,
        retry_pause: Duration::from_millis(1),
    }
}

/// Every file below a folder, hidden ones included, as sorted relative paths.
pub fn files_below(dir: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}
