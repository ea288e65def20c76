//! Every failure says whose fault it is, by a stable code, and shows no secret.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod web;

use std::io::{Error, ErrorKind};
use std::path::PathBuf;

use protocol::{Blame, Failure, FailureCode};
use transfer::{DownloadLimits, TransferError, checkpoint_kind, unzip};

async fn download(url: &str) -> TransferError {
    let dir = tempfile::tempdir().unwrap();
    let limits = DownloadLimits { failures_max: 1, max_bytes: 4, ..web::quick() };
    web::guarded_network().download(url, &dir.path().join("file"), limits, None, |_, _| {}).await.unwrap_err()
}

#[tokio::test]
async fn an_address_that_gives_nothing_is_its_owners_fault() {
    let base = web::serve(|request, _| match request.uri().path() {
        "/large" => web::whole("12345"),
        "/busy" => web::status(503),
        "/cut" => web::cut(b"1", 3, "\"v1\""),
        "/round" => web::redirect("/round"),
        "/inside" => web::redirect("http://10.0.0.1/"),
        _ => web::status(404),
    })
    .await;
    let table = [
        (format!("{base}/missing"), FailureCode::DataUnreachable),
        (format!("{base}/busy"), FailureCode::DataUnreachable),
        (format!("{base}/cut"), FailureCode::DataUnreachable),
        (format!("{base}/round"), FailureCode::DataUnreachable),
        ("http://127.0.0.1:1/".into(), FailureCode::DataUnreachable),
        (format!("{base}/large"), FailureCode::DataTooLarge),
        (format!("{base}/inside"), FailureCode::AddressRefused),
        ("ftp://example.com/".into(), FailureCode::AddressRefused),
    ];
    for (url, code) in table {
        let error = download(&url).await;
        assert_eq!((error.code(), error.is_machine_fault()), (code, false), "{url}: {error}");
        let failure = Failure::from(&error);
        assert_eq!((failure.blame, failure.sentence), (Blame::Owner, error.to_string()));
    }
}

#[test]
fn what_is_no_zip_or_no_model_is_its_owners_fault_and_shows_no_secret_of_its_address() {
    let dir = tempfile::tempdir().unwrap();
    let page = dir.path().join("page");
    std::fs::write(&page, "<html>").unwrap();
    let images = dir.path().join("images");
    let error = unzip::unpack(&page, &images, unzip::UnzipLimits::PHOTOS).unwrap_err();
    assert_eq!(error.code(), FailureCode::DataNotAZip);
    std::fs::write(&page, "PK\x03\x04 cut off").unwrap();
    let error = unzip::unpack(&page, &images, unzip::UnzipLimits::PHOTOS).unwrap_err();
    assert_eq!((error.code(), error.is_machine_fault()), (FailureCode::DataNotAZip, false));
    std::fs::write(&page, "<html>").unwrap();
    for name in ["https://example.com/x.ckpt?sig=hunter2", "me:hunter2@example.com/x.ckpt?sig=hunter2#hunter2"] {
        let error = checkpoint_kind(&page, name).unwrap_err();
        assert_eq!((error.code(), error.is_machine_fault()), (FailureCode::ModelUnusable, false));
        let text = format!("{error} {error:?}");
        assert!(text.contains("example.com/x.ckpt") && !text.contains("hunter2"), "{text}");
    }
}

#[test]
fn disk_and_files_are_the_machines_fault() {
    let dir = tempfile::tempdir().unwrap();
    let error = transfer::disk::check_room(dir.path(), "model.ckpt", u64::MAX).unwrap_err();
    assert_eq!((error.code(), error.is_machine_fault()), (FailureCode::DiskFull, true));
    let error = checkpoint_kind(&dir.path().join("gone"), "x").unwrap_err();
    assert_eq!((error.code(), error.is_machine_fault()), (FailureCode::FileError, true));
    let full = |kind| TransferError::File { path: PathBuf::from("a/b"), doing: "write", source: Error::from(kind) };
    for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded] {
        assert_eq!(full(kind).code(), FailureCode::DiskFull);
        assert!(full(kind).to_string().contains("free some space on the disk"), "{}", full(kind));
    }
}
