//! Signed addresses of files: what they open, and everything they do not.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod site;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use site::{Answer, Site, path_of, smallest};

const WEEK_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// Without any key: the signature is the right.
async fn fetch(site: &Site, path: &str) -> Answer {
    site.send(Request::get(path).body(Body::empty()).unwrap()).await
}

async fn fetch_range(site: &Site, path: &str, range: &str) -> Answer {
    site.send(Request::get(path).header(header::RANGE, range).body(Body::empty()).unwrap()).await
}

/// A completed job's site, the path of its picture and of its checkpoint.
async fn completed() -> (Site, String, String) {
    let site = Site::open().await;
    site.run(&smallest()).await;
    let id = site.complete_next().await;
    let output = site.status("v2", &id).await["output"].clone();
    let picture = path_of(&output["inference"][0]["images"][0]);
    let checkpoint = path_of(&output["train"]["checkpoint_url"]);
    (site, picture, checkpoint)
}

#[tokio::test]
async fn an_address_in_the_output_gives_its_file_without_a_key() {
    let (site, picture, checkpoint) = completed().await;
    let answer = fetch(&site, &picture).await;
    assert_eq!((answer.status, answer.text().as_str()), (StatusCode::OK, "a picture"));
    assert_eq!(answer.header("content-type"), Some("image/png"));
    assert_eq!(answer.header("content-length"), Some("9"));
    assert_eq!(answer.header("content-disposition"), Some("inline; filename=\"0-0.png\""));
    let answer = fetch(&site, &checkpoint).await;
    assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
    assert_eq!(answer.header("content-disposition"), Some("attachment; filename=\"model.ckpt\""));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
}

#[tokio::test]
async fn the_page_of_a_report_is_shown_and_nothing_in_it_can_run() {
    let site = Site::open().await;
    site.run(&smallest()).await;
    let id = site.complete_next().await;
    let page = path_of(&site.status("v2", &id).await["output"]["train"]["report_page_url"]);
    let answer = fetch(&site, &page).await;
    assert_eq!((answer.status, answer.text().as_str()), (StatusCode::OK, "<p>a report</p>"));
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(answer.header("content-disposition"), Some("inline; filename=\"train.html\""));
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.starts_with("sandbox; default-src 'none';"), "{policy}");
}

#[tokio::test]
async fn addresses_begin_with_the_public_url_or_else_with_the_name_that_was_asked() {
    let (site, ..) = completed().await;
    site.run(&smallest()).await;
    let id = site.complete_next().await;
    let url = site.status("v1", &id).await["output"]["train"]["report_url"].as_str().unwrap().to_owned();
    assert!(
        url.starts_with(&format!("https://api.example/v2/dream-booth-v1/files/{id}/1/train.json?expires=")),
        "{url}"
    );

    let site = Site::with(|config| config.public_url = "http://0.0.0.0:8000".into()).await;
    site.run(&smallest()).await;
    let id = site.complete_next().await;
    for (host, base) in [
        ("gpu-box.lan:8000", "http://gpu-box.lan:8000"),
        ("a/../b", "http://localhost:8000"),
        ("", "http://localhost:8000"),
    ] {
        let request = Request::get(format!("/v2/dream-booth-v1/status/{id}"))
            .header(header::AUTHORIZATION, &site.key)
            .header(header::HOST, host);
        let view = site.send(request.body(Body::empty()).unwrap()).await.json();
        let url = view["output"]["train"]["checkpoint_url"].as_str().unwrap().to_owned();
        assert!(url.starts_with(&format!("{base}/v2/dream-booth-v1/files/")), "{url}");
    }
}

#[tokio::test]
async fn a_head_request_tells_the_length_alone() {
    let (site, picture, _) = completed().await;
    let answer = site.send(Request::head(&picture).body(Body::empty()).unwrap()).await;
    assert_eq!((answer.status, answer.bytes.len()), (StatusCode::OK, 0));
    assert_eq!(answer.header("content-length"), Some("9"));
}

#[tokio::test]
async fn a_broken_download_goes_on_where_it_stopped() {
    let (site, _, checkpoint) = completed().await;
    for (range, text, content_range) in [
        ("bytes=4-", "456789", "bytes 4-9/10"),
        ("bytes=0-0", "0", "bytes 0-0/10"),
        ("bytes=2-5", "2345", "bytes 2-5/10"),
        ("bytes=8-100", "89", "bytes 8-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=-100", "0123456789", "bytes 0-9/10"),
    ] {
        let answer = fetch_range(&site, &checkpoint, range).await;
        assert_eq!((answer.status, answer.text().as_str()), (StatusCode::PARTIAL_CONTENT, text), "{range}");
        assert_eq!(answer.header("content-range"), Some(content_range));
        assert_eq!(answer.header("content-length"), Some(text.len().to_string().as_str()));
    }
}

#[tokio::test]
async fn a_range_outside_the_file_is_refused_and_an_odd_one_ignored() {
    let (site, _, checkpoint) = completed().await;
    for range in ["bytes=10-", "bytes=10-12", "bytes=-0", "bytes=18446744073709551615-"] {
        let answer = fetch_range(&site, &checkpoint, range).await;
        assert_eq!(answer.status, StatusCode::RANGE_NOT_SATISFIABLE, "{range}");
        assert_eq!(answer.header("content-range"), Some("bytes */10"));
        assert_eq!(answer.error(), "range not satisfiable: the file has 10 bytes.");
    }
    for range in ["bytes=5-2", "bytes=0-1,4-5", "lines=1-2", "bytes=a-b", "bytes=-", "bytes="] {
        let answer = fetch_range(&site, &checkpoint, range).await;
        assert_eq!((answer.status, answer.text().as_str()), (StatusCode::OK, "0123456789"), "{range}");
    }
}

#[tokio::test]
async fn a_tampered_address_opens_nothing() {
    let (site, picture, checkpoint) = completed().await;
    let query = |path: &str| path[path.find('?').unwrap()..].to_owned();
    let last = if picture.ends_with('0') { "1" } else { "0" };
    for tampered in [
        picture.replace("0-0.png", "0-1.png"),
        picture.replace("/1/0-0.png", "/2/0-0.png"),
        checkpoint.split('?').next().unwrap().to_owned() + &query(&picture),
        picture.replace("expires=1", "expires=2"),
        picture[..picture.len() - 1].to_owned() + last,
        picture.replace("&sig=", "&sig=zz"),
        picture.replace("&sig=", "&sig=%ff"),
        picture.replace("&sig=", "&signature="),
        picture.replace("expires=", "expires=x"),
        picture.split('?').next().unwrap().to_owned(),
        picture.split("sig=").next().unwrap().to_owned(),
    ] {
        let answer = fetch(&site, &tampered).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{tampered}");
        assert!(answer.error().starts_with("forbidden: the signature of this address"), "{}", answer.error());
    }
}

#[tokio::test]
async fn an_address_expires_after_a_week_and_the_status_gives_a_fresh_one() {
    let (site, picture, _) = completed().await;
    site.advance_ms(WEEK_MS - 1_000);
    assert_eq!(fetch(&site, &picture).await.status, StatusCode::OK);
    site.advance_ms(1_000);
    let answer = fetch(&site, &picture).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(
        answer.error(),
        "forbidden: this address has expired; ask for the job's status again to get a fresh one."
    );
    let id: protocol::JobId = picture.split('/').nth(4).unwrap().parse().unwrap();
    let fresh = path_of(&site.status("v2", &id).await["output"]["inference"][0]["images"][0]);
    assert_eq!(fetch(&site, &fresh).await.status, StatusCode::OK);
}

#[tokio::test]
async fn no_path_leads_out_of_the_folder_of_files() {
    let (site, picture, _) = completed().await;
    let (path, query) = picture.split_once('?').unwrap();
    let folder = path.rsplit_once('/').unwrap().0;
    for outside in [
        "/../jobs.db",
        "/%2e%2e",
        "/..%2f..%2fjobs.db",
        "/%2fetc%2fpasswd",
        "/.hidden",
        "/a%00b",
        "/%ff",
        "/..",
        "/a%5cb",
    ] {
        let answer = fetch(&site, &format!("{folder}{outside}?{query}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{outside}");
        answer.error();
    }
    for path in ["..%2f/1/jobs.db", "a/../jobs.db", "a/1/2/jobs.db", "a/jobs.db", "a/%2e%2e/jobs.db", "a/+1/jobs.db"] {
        let answer = fetch(&site, &format!("/v2/dream-booth-v1/files/{path}?{query}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn files_that_were_deleted_are_not_found() {
    let (site, picture, _) = completed().await;
    let id = picture.split('/').nth(4).unwrap().parse().unwrap();
    site.state.artifacts.delete_job(&id).await.unwrap();
    let answer = fetch(&site, &picture).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(answer.error().starts_with("file not found"));
}

#[tokio::test]
async fn a_file_can_be_had_while_its_job_runs() {
    let site = Site::open().await;
    let id = site.run(&smallest()).await;
    let claim = site.claim().await;
    let preview = site.put(&claim, "preview.png", "half a picture").await;
    let event = serde_json::json!({"event": "file", "file": preview, "kind": "preview", "item": 0, "step": 3});
    assert!(site.state.store.record_event(&claim.lease, &event).await.unwrap().is_held());
    let view = site.status("v2", &id).await;
    assert_eq!((view["status"].as_str(), view["output"]["step"].as_i64()), (Some("IN_PROGRESS"), Some(3)));
    let answer = fetch(&site, &path_of(&view["output"]["file"])).await;
    assert_eq!((answer.status, answer.text().as_str()), (StatusCode::OK, "half a picture"));
}
