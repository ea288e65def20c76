//! A download arrives whole or not at all, within its limits, and says why when it does not.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod web;

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures::{StreamExt, stream};
use protocol::Secret;
use sha2::{Digest, Sha256};
use transfer::{DownloadLimits, Downloaded, TransferError};

const ETAG: &str = "\"v1\"";

fn photos() -> Vec<u8> {
    (0..100_000_u32).map(|n| (n % 251) as u8).collect()
}

struct Outcome {
    result: Result<Downloaded, TransferError>,
    /// The folder's files afterwards, and the content of `photos.zip`.
    files: Vec<String>,
    content: Option<Vec<u8>>,
    progress: Vec<(u64, Option<u64>)>,
}

async fn download(url: &str, limits: DownloadLimits) -> Outcome {
    let dir = tempfile::tempdir().unwrap();
    let dest = dir.path().join("photos.zip");
    let mut progress = Vec::new();
    let network = web::open_network();
    let result = network.download(url, &dest, limits, None, |bytes, total| progress.push((bytes, total))).await;
    Outcome { result, files: web::files_below(dir.path()), content: std::fs::read(dest).ok(), progress }
}

#[tokio::test]
async fn a_file_arrives_with_its_length_and_hash_and_reports_its_progress() {
    let base = web::serve(|_, _| web::whole(photos())).await;
    let outcome = download(&base, web::quick()).await;
    let sha256 = hex::encode(Sha256::digest(photos()));
    assert_eq!(outcome.result.unwrap(), Downloaded { bytes: 100_000, sha256 });
    assert_eq!(outcome.content.unwrap(), photos());
    assert_eq!(outcome.files, ["photos.zip"]);
    assert_eq!(outcome.progress.last(), Some(&(100_000, Some(100_000))));
}

#[tokio::test]
async fn a_broken_download_goes_on_where_it_broke() {
    let base = web::serve(|request, count| match count {
        0 => web::cut(&photos()[..40_000], 100_000, ETAG),
        _ => {
            assert_eq!(web::header(request, "if-range"), Some(ETAG));
            web::rest(&photos(), request, ETAG)
        }
    })
    .await;
    let outcome = download(&base, web::quick()).await;
    let downloaded = outcome.result.unwrap();
    assert_eq!(downloaded.sha256, hex::encode(Sha256::digest(photos())));
    assert_eq!(outcome.content.unwrap(), photos());
    assert!(outcome.progress.is_sorted(), "it never went back: {:?}", outcome.progress);
}

#[tokio::test]
async fn a_file_that_changed_meanwhile_is_fetched_from_its_beginning() {
    let new: Vec<u8> = photos().into_iter().rev().collect();
    let answer = new.clone();
    let base = web::serve(move |_, count| match count {
        0 => web::cut(&photos()[..40_000], 100_000, ETAG),
        _ => web::whole(answer.clone()),
    })
    .await;
    let outcome = download(&base, web::quick()).await;
    outcome.result.unwrap();
    assert_eq!(outcome.content.unwrap(), new);
}

#[tokio::test]
async fn a_server_that_resumes_at_the_wrong_place_is_asked_for_the_whole_file() {
    let base = web::serve(|request, count| match count {
        0 => web::cut(&photos()[..40_000], 100_000, ETAG),
        _ if web::range_start(request).is_some() => Response::builder()
            .status(206)
            .header("content-range", "bytes 0-9/100000")
            .body(Body::from("0123456789"))
            .unwrap(),
        _ => web::whole(photos()),
    })
    .await;
    let outcome = download(&base, web::quick()).await;
    outcome.result.unwrap();
    assert_eq!(outcome.content.unwrap(), photos());
}

#[tokio::test]
async fn a_weak_etag_is_not_trusted_to_resume() {
    let base = web::serve(|request, count| match count {
        0 => web::cut(&photos()[..40_000], 100_000, "W/\"v1\""),
        _ => {
            assert_eq!(web::range_start(request), None);
            web::whole(photos())
        }
    })
    .await;
    download(&base, web::quick()).await.result.unwrap();
}

#[tokio::test]
async fn a_busy_server_is_asked_again() {
    let base = web::serve(|_, count| if count < 2 { web::status(503) } else { web::whole("photos") }).await;
    assert_eq!(download(&base, web::quick()).await.result.unwrap().bytes, 6);
}

#[tokio::test]
async fn a_missing_file_is_not_asked_for_again_and_the_sentence_says_what_to_do() {
    let base = web::serve(|_, count| if count == 0 { web::status(404) } else { web::whole("photos") }).await;
    let outcome = download(&format!("{base}/photos.zip?token=abc"), web::quick()).await;
    let error = outcome.result.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "The URL {base}/photos.zip was answered with HTTP status 404; there is no such file: check the address."
        )
    );
    assert!(!error.is_temporary() && outcome.files.is_empty());
}

#[tokio::test]
async fn a_server_that_always_breaks_off_is_given_up() {
    let base = web::serve(|_, _| web::cut(&photos()[..10], 20, ETAG)).await;
    let outcome = download(&base, web::quick()).await;
    let error = outcome.result.unwrap_err();
    assert!(matches!(error, TransferError::Cut { .. }), "{error}");
    assert!(error.to_string().contains("after 10 bytes of 20"), "{error}");
    assert_eq!(outcome.files, Vec::<String>::new());
}

#[tokio::test]
async fn a_file_that_declares_too_much_is_refused_before_its_first_byte() {
    let base = web::serve(|_, _| web::whole(vec![0; 2 << 20])).await;
    let outcome = download(&base, web::quick()).await;
    let error = outcome.result.unwrap_err();
    assert!(matches!(error, TransferError::TooLarge { limit_bytes: 1_048_576, .. }), "{error}");
    assert!(outcome.progress.is_empty() && outcome.files.is_empty());
}

#[tokio::test]
async fn a_file_that_does_not_declare_its_length_is_counted() {
    let endless = || stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[0; 4096])));
    let base = web::serve(move |_, _| Response::new(Body::from_stream(endless()))).await;
    let outcome = download(&base, web::quick()).await;
    assert!(matches!(outcome.result, Err(TransferError::TooLarge { .. })));
    assert!(outcome.progress.iter().all(|(bytes, total)| *bytes <= 1 << 20 && total.is_none()));
    assert_eq!(outcome.files, Vec::<String>::new());
}

#[tokio::test]
async fn a_server_that_falls_silent_or_drips_is_too_slow() {
    let silent = || stream::iter([Ok::<_, std::io::Error>(Bytes::from("a"))]).chain(stream::pending());
    let base = web::serve(move |_, _| Response::new(Body::from_stream(silent()))).await;
    let limits = DownloadLimits { idle_timeout: Duration::from_millis(40), failures_max: 1, ..web::quick() };
    let error = download(&base, limits).await.result.unwrap_err();
    assert!(matches!(error, TransferError::TooSlow { what: "the next bytes", .. }), "{error}");

    let limits = DownloadLimits { total_timeout: Duration::from_millis(80), ..web::quick() };
    let outcome = download(&base, limits).await;
    assert!(matches!(outcome.result, Err(TransferError::TooSlow { what: "the whole download", .. })));
    assert_eq!(outcome.files, Vec::<String>::new());
}

#[tokio::test]
async fn a_host_that_is_not_there_is_named_in_the_sentence() {
    let error = download("http://127.0.0.1:1/photos.zip?sig=abc", web::quick()).await.result.unwrap_err();
    assert!(matches!(error, TransferError::Unreachable { .. }) && error.is_temporary(), "{error}");
    let text = format!("{error} {error:?}");
    assert!(text.contains("http://127.0.0.1:1/photos.zip") && !text.contains("abc"), "{text}");
}

#[tokio::test]
async fn what_was_there_before_stays_when_a_download_fails() {
    let dir = tempfile::tempdir().unwrap();
    let dest = dir.path().join("model.ckpt");
    std::fs::write(&dest, "old").unwrap();
    let base = web::serve(|_, _| web::cut(b"new", 1000, ETAG)).await;
    web::open_network().download(&base, &dest, web::quick(), None, |_, _| {}).await.unwrap_err();
    assert_eq!(std::fs::read(&dest).unwrap(), b"old");
    assert_eq!(web::files_below(dir.path()), ["model.ckpt"]);
}

#[tokio::test]
async fn a_token_is_shown_to_its_own_host_and_to_no_other() {
    let elsewhere = web::serve(|request, _| match web::header(request, "authorization") {
        None if web::header(request, "referer").is_none() => web::whole("photos"),
        _ => web::status(400),
    })
    .await;
    let base = web::serve(move |request, _| match (web::header(request, "authorization"), request.uri().path()) {
        (Some("Bearer hunter2"), "/first") => web::redirect("/second"),
        (Some("Bearer hunter2"), "/second") => web::redirect(&elsewhere),
        _ => web::status(401),
    })
    .await;
    let dir = tempfile::tempdir().unwrap();
    let (network, token, dest) = (web::open_network(), Secret::new("hunter2"), dir.path().join("file"));
    let url = format!("{base}/first");
    network.download(&url, &dest, web::quick(), Some(&token), |_, _| {}).await.unwrap();
    let error = network.download(&base, &dest, web::quick(), Some(&token), |_, _| {}).await.unwrap_err();
    assert!(!format!("{error} {error:?} {network:?}").contains("hunter2"));
}

#[test]
fn a_disk_without_room_is_named_with_what_is_needed_and_what_is_free() {
    let dir = tempfile::tempdir().unwrap();
    transfer::disk::check_room(dir.path(), "model.ckpt", 0).unwrap();
    let error = transfer::disk::check_room(dir.path(), "model.ckpt", u64::MAX).unwrap_err();
    assert!(matches!(error, TransferError::DiskFull { needed_bytes: u64::MAX, .. }), "{error}");
}
