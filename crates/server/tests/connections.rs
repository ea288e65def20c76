//! A connection takes what its limits say and no more: a slow head, a slow body, an idle one, a reader that does not read.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod site;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use server::ConnectionLimits;
use site::{Site, path_of, smallest};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Longest time that any of this may take; a test that waits longer has failed.
const SOON: Duration = Duration::from_secs(20);

/// A limit that a test can wait for. The other limits of the same server stay as they are.
const SHORT: Duration = Duration::from_millis(300);

async fn serving(limits: ConnectionLimits) -> (Site, SocketAddr, CancellationToken) {
    let site = Site::with(|config| config.connections = limits).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    tokio::spawn(server::serve(listener, site.state.clone(), shutdown.clone()));
    (site, address, shutdown)
}

fn head(site: &Site, line: &str, more: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {}\r\n{more}\r\n", site.key)
}

/// What comes until the server closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A closed connection may come as an error, too.
    let _ = timeout(SOON, stream.read_to_end(&mut answer)).await.expect("the server did not close");
    String::from_utf8_lossy(&answer).into_owned()
}

/// One answer of a connection that stays open.
async fn answer(stream: &mut TcpStream) -> String {
    let mut answer = vec![0; 4096];
    let length = timeout(SOON, stream.read(&mut answer)).await.unwrap().unwrap();
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

#[tokio::test]
async fn a_head_that_does_not_end_is_not_waited_for() {
    let (_site, address, _shutdown) = serving(ConnectionLimits { head: SHORT, ..Default::default() }).await;
    let mut silent = TcpStream::connect(address).await.unwrap();
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(b"GET /livez HTTP/1.1\r\nHost: ").await.unwrap();
    let begin = Instant::now();
    assert_eq!(rest(&mut silent).await, "");
    let slow = rest(&mut slow).await;
    assert!(slow.is_empty() || slow.starts_with("HTTP/1.1 408"), "{slow}");
    assert!(begin.elapsed() < SOON / 2, "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_connection_that_has_become_idle_is_closed() {
    let (_site, address, _shutdown) = serving(ConnectionLimits { head: SHORT, ..Default::default() }).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    for _ in 0..2 {
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        assert!(answer(&mut stream).await.ends_with(r#"{"status":"alive"}"#));
    }
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn a_body_that_stops_coming_is_told_so() {
    let (site, address, _shutdown) = serving(ConnectionLimits { body_pause: SHORT, ..Default::default() }).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = head(&site, "POST /v2/dream-booth-v1/run", "Content-Length: 1000\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.write_all(b"{\"input\":").await.unwrap();
    let answer = answer(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
    assert!(
        answer.ends_with(r#"{"error":"the request body stopped coming in for 0.3 s; send the request again."}"#),
        "{answer}"
    );
}

#[tokio::test]
async fn a_reader_that_does_not_read_its_file_is_given_up() {
    let (site, address, _shutdown) = serving(ConnectionLimits { write_pause: SHORT, ..Default::default() }).await;
    site.run(&smallest()).await;
    let claim = site.claim().await;
    let bytes = 64 << 20;
    let model = site.put(&claim, "model.ckpt", &"x".repeat(bytes)).await;
    assert!(site.state.store.complete(&claim.lease, &serde_json::json!({ "model": model })).await.unwrap().is_held());
    let path = path_of(&site.status("v2", &claim.job.id).await["output"]["model"]);

    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    stream.write_all(head(&site, &format!("GET {path}"), "").as_bytes()).await.unwrap();
    assert!(answer(&mut stream).await.starts_with("HTTP/1.1 200 OK\r\n"));
    tokio::time::sleep(3 * SHORT).await;
    // What had been sent before is there, and then the connection ends.
    let received = rest(&mut stream).await.len();
    assert!(received < bytes / 2, "{received} of {bytes} bytes came although nobody read");
}

#[tokio::test]
async fn a_reader_that_reads_slowly_gets_its_whole_file() {
    let (site, address, _shutdown) = serving(ConnectionLimits { write_pause: SHORT, ..Default::default() }).await;
    site.run(&smallest()).await;
    let claim = site.claim().await;
    let bytes = 8 << 20;
    let model = site.put(&claim, "model.ckpt", &"x".repeat(bytes)).await;
    assert!(site.state.store.complete(&claim.lease, &serde_json::json!({ "model": model })).await.unwrap().is_held());
    let path = path_of(&site.status("v2", &claim.job.id).await["output"]["model"]);
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head(&site, &format!("GET {path}"), "Connection: close\r\n").as_bytes()).await.unwrap();
    let (mut received, mut piece) = (0, vec![0; 1 << 20]);
    loop {
        tokio::time::sleep(SHORT / 6).await;
        match timeout(SOON, stream.read(&mut piece)).await.unwrap().unwrap() {
            0 => break,
            length => received += length,
        }
    }
    assert!(received > bytes, "{received}");
}

#[tokio::test]
async fn beyond_the_limit_a_connection_waits_for_an_idle_one_to_end() {
    let limits = ConnectionLimits { at_once: 2, head: SHORT, ..Default::default() };
    let (_site, address, _shutdown) = serving(limits).await;
    let _idle = (TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap());
    let begin = Instant::now();
    let mut third = TcpStream::connect(address).await.unwrap();
    third.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert!(answer(&mut third).await.ends_with(r#"{"status":"alive"}"#));
    assert!(begin.elapsed() >= SHORT / 2, "it was answered beside two others after {:?}", begin.elapsed());
}
