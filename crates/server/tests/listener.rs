//! A server on a real socket: from the request to the webhook, and how it stops.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod site;

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use site::receiver::Receiver;
use site::{Site, smallest};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longest time that any of this may take; a test that waits longer has failed.
const SOON: Duration = Duration::from_secs(20);

/// The listener with both loops beside it, as the binary runs them; the handle ends when all have.
async fn started(site: &Site) -> (SocketAddr, CancellationToken, JoinHandle<std::io::Result<()>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let store = site.state.store.clone();
    let reaper = jobs::run_reaper(store, jobs::reaper::PERIOD, jobs::reaper::LEASE, shutdown.clone());
    let webhooks = server::run_webhooks(site.state.clone(), shutdown.clone());
    let serve = server::serve(listener, site.state.clone(), shutdown.clone());
    let all = async { tokio::join!(serve, reaper, webhooks).0 };
    (address, shutdown, tokio::spawn(all))
}

/// Sends a request as it stands and reads until the server closes.
async fn exchange(address: SocketAddr, head: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    // As clients do that write everything before they read.
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

fn head(site: &Site, line: &str, length: usize) -> String {
    format!(
        "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: {}\r\nContent-Length: {length}\r\n\r\n",
        site.key
    )
}

#[tokio::test]
async fn a_job_that_ends_is_reported_by_the_running_server() {
    let site = Site::open().await;
    let receiver = Receiver::answering(&[]).await;
    let (address, shutdown, serving) = started(&site).await;
    let mut body = smallest();
    body["webhook"] = json!(receiver.url("/"));
    let body = body.to_string();
    let answer = exchange(address, &head(&site, "POST /v2/dream-booth-v1/run", body.len()), body.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("\"IN_QUEUE\""), "{answer}");
    site.complete_next().await;
    let reported = async {
        while receiver.received().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(SOON, reported).await.unwrap();
    shutdown.cancel();
    tokio::time::timeout(SOON, serving).await.unwrap().unwrap().unwrap();
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn the_running_server_reaps() {
    let site = Site::open().await;
    let id = site.run(&smallest()).await;
    site.advance_ms(86_400_001);
    let (_, shutdown, serving) = started(&site).await;
    let reaped = async {
        while site.status("v2", &id).await["status"] != "TIMED_OUT" {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(SOON, reaped).await.unwrap();
    shutdown.cancel();
    tokio::time::timeout(SOON, serving).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_client_that_sends_too_much_still_reads_why_it_was_refused() {
    let site = Site::open().await;
    let (address, shutdown, serving) = started(&site).await;
    let body = vec![b' '; 2 * server::BODY_MAX_BYTES];
    let answer = exchange(address, &head(&site, "POST /v2/dream-booth-v1/run", body.len()), &body).await;
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    assert!(answer.contains("exceeded max body size of 10MiB"), "{answer}");
    shutdown.cancel();
    tokio::time::timeout(SOON, serving).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_body_of_absurd_length_is_refused_before_it_is_read() {
    let site = Site::open().await;
    let (address, shutdown, serving) = started(&site).await;
    let answer = exchange(address, &head(&site, "POST /v2/dream-booth-v1/run", usize::MAX / 2), b"").await;
    assert!(answer.contains("exceeded max body size of 10MiB"), "{answer}");
    shutdown.cancel();
    tokio::time::timeout(SOON, serving).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_client_that_holds_its_connection_does_not_keep_the_server_from_stopping() {
    let site = Site::open().await;
    let (address, shutdown, serving) = started(&site).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET /v2/dream-booth-v1/health HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n\r\n", site.key);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    assert!(stream.read(&mut answer).await.unwrap() > 0);
    shutdown.cancel();
    tokio::time::timeout(SOON, serving).await.unwrap().unwrap().unwrap();
}
