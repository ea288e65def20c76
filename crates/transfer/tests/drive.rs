//! A shared file of Google Drive arrives whatever Google asks before it gives it, or its refusal is repeated.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod web;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use transfer::{Downloaded, Network, Sites, TransferError};

const ID: &str = "1AbC_-9";
const MODEL: &[u8] = b"a model's bytes";

/// Drive of the test's own: pages and files on one host.
async fn drive(answer: impl Fn(&Request, usize) -> Response + Send + Sync + 'static) -> (Network, String) {
    let base = web::serve(answer).await;
    let host = base.strip_prefix("http://").unwrap().to_owned();
    let sites = Sites { drive_pages: vec![host], drive_files: format!("{base}/download"), hubs: Vec::new() };
    (web::open_network().with_sites(sites), base)
}

async fn download(network: &Network, link: &str) -> Result<Downloaded, TransferError> {
    let dir = tempfile::tempdir().unwrap();
    let dest = dir.path().join("model");
    let downloaded = network.download(link, &dest, web::quick(), None, |_, _| {}).await?;
    assert_eq!(std::fs::read(dest).unwrap(), MODEL);
    Ok(downloaded)
}

fn page(html: impl Into<String>) -> Response {
    Response::builder().header("content-type", "text/html; charset=utf-8").body(Body::from(html.into())).unwrap()
}

fn file() -> Response {
    Response::builder()
        .header("content-type", "application/octet-stream")
        .header("content-disposition", "attachment; filename=\"model.ckpt\"")
        .body(Body::from(MODEL))
        .unwrap()
}

fn query(request: &Request) -> &str {
    request.uri().query().unwrap_or_default()
}

#[tokio::test]
async fn a_small_file_comes_at_once_by_any_form_of_its_link() {
    let (network, base) = drive(|request, _| {
        assert_eq!(request.uri().path(), "/download");
        assert_eq!(query(request), format!("id={ID}&export=download&confirm=t"));
        file()
    })
    .await;
    for link in ["file/d/1AbC_-9/view?usp=sharing", "open?id=1AbC_-9", "uc?id=1AbC_-9&export=download"] {
        download(&network, &format!("{base}/{link}")).await.unwrap();
    }
}

#[tokio::test]
async fn the_question_about_a_large_file_is_answered_with_its_form_and_its_cookies() {
    let (network, base) = drive(|request, count| {
        if count == 0 {
            let mut answer = page(format!(
                "<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title><style>p > a {{}}</style></head>
                 <body><form id=\"other\" action=\"/wrong\"></form>
                 <form id=\"download-form\" action=\"/confirmed?hl=en&amp;id=old\" method=\"get\">
                 <input type=\"submit\" id=\"uc-download-link\" value=\"Download anyway\"/>
                 <input type=\"hidden\" name=\"id\" value=\"{ID}\"><input type='hidden' name='confirm' value='t'>
                 <input type=\"hidden\" name=\"uuid\" value=\"5c0f&quot;-d1\"></form>
                 <form><input type=\"hidden\" name=\"q\" value=\"no\"></form></body></html>"
            ));
            for cookie in ["NID=511=abc; expires=Fri; path=/; HttpOnly", "S=x; Secure"] {
                answer.headers_mut().append("set-cookie", cookie.parse().unwrap());
            }
            return answer;
        }
        let expected = format!("/confirmed?hl=en&id={ID}&confirm=t&uuid=5c0f%22-d1");
        let asked_well = request.uri() == expected.as_str() && web::header(request, "cookie") == Some("NID=511=abc; S=x");
        if asked_well { file() } else { web::status(400) }
    })
    .await;
    download(&network, &format!("{base}/file/d/{ID}/view")).await.unwrap();
}

#[tokio::test]
async fn the_older_questions_are_answered_too() {
    let link = "<a id=\"uc-download-link\" class=x href=\"/uc?export=download&amp;confirm=zXy1&amp;id=1AbC_-9\">Download anyway</a>";
    let script = "<script>x={\"downloadUrl\":\"BASE\\/uc?export\\u003ddownload\\u0026confirm\\u003dzXy1\"}</script>";
    for question in [link, script, "by a cookie"] {
        let (network, base) = drive(move |request, count| match count {
            0 => {
                let host = web::header(request, "host").unwrap();
                let mut answer = page(question.replace("BASE", &format!("http:\\/\\/{host}")));
                answer.headers_mut().append("set-cookie", "download_warning_13_1AbC=zXy1; path=/".parse().unwrap());
                answer
            }
            _ if query(request).contains("confirm=zXy1") && web::header(request, "cookie").is_some() => file(),
            _ => web::status(400),
        })
        .await;
        download(&network, &format!("{base}/open?id={ID}")).await.unwrap_or_else(|error| panic!("{question}: {error}"));
    }
}

#[tokio::test]
async fn a_cookie_is_shown_to_no_other_host() {
    let elsewhere = web::serve(|request, _| match web::header(request, "cookie") {
        None => file(),
        Some(_) => web::status(400),
    })
    .await;
    let (network, base) = drive(move |request, _| {
        let target = if request.uri().path() == "/near" { None } else { Some(&elsewhere) };
        match target {
            // The form leads to another host, directly and by a redirect of the same one.
            Some(_) if query(request).contains("id=direct") => with_cookie(page(form(&format!("{elsewhere}/far")))),
            Some(_) => with_cookie(page(form("/near"))),
            None => web::redirect(&elsewhere),
        }
    })
    .await;
    for id in ["direct", "redirected"] {
        download(&network, &format!("{base}/open?id={id}")).await.unwrap_or_else(|error| panic!("{id}: {error}"));
    }
}

fn form(action: &str) -> String {
    format!("<form id=\"download-form\" action=\"{action}\"></form>")
}

fn with_cookie(mut answer: Response) -> Response {
    answer.headers_mut().append("set-cookie", "NID=secret".parse().unwrap());
    answer
}

#[tokio::test]
async fn what_google_says_instead_is_repeated_in_a_sentence() {
    let quota = "<title>Google Drive - Quota exceeded</title><p class=\"uc-error-caption\">Sorry, no.</p>
                 <p class=\"uc-error-subcaption\">Too many users have viewed or downloaded this\n file recently. <a>More</a></p>";
    for (html, said) in [
        (quota, "Too many users have viewed or downloaded this file recently."),
        ("<html><title>Sign in - Google Accounts</title><form action=/login></form>", "Sign in - Google Accounts"),
        ("<html>", "nothing"),
    ] {
        let (network, base) = drive(move |_, _| page(html)).await;
        let error = download(&network, &format!("{base}/file/d/{ID}/view")).await.unwrap_err();
        assert!(matches!(error, TransferError::NotGiven { .. }) && !error.is_temporary(), "{error}");
        let expected =
            format!("Google Drive does not give the file at {base}/download (it says: {said}); share it with");
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
}

#[tokio::test]
async fn pages_that_only_lead_to_more_pages_come_to_an_end() {
    let (network, base) = drive(|_, count| match count {
        0..=3 => page(format!("<title>Again</title>{}", form("/again"))),
        _ => file(),
    })
    .await;
    let error = download(&network, &format!("{base}/open?id={ID}")).await.unwrap_err();
    assert!(error.to_string().contains("(it says: Again)"), "{error}");
}

#[tokio::test]
async fn a_broken_download_goes_on_at_the_confirmed_address() {
    let (network, base) = drive(|request, count| match count {
        0 => page(form("/confirmed")),
        1 => web::cut(&MODEL[..4], MODEL.len(), "\"v1\""),
        _ if request.uri().path() == "/confirmed" && web::range_start(request) == Some(4) => {
            web::rest(MODEL, request, "\"v1\"")
        }
        _ => web::status(400),
    })
    .await;
    download(&network, &format!("{base}/open?id={ID}")).await.unwrap();
}

#[tokio::test]
async fn a_folder_is_no_file() {
    let (network, base) = drive(|_, _| web::status(400)).await;
    let error = download(&network, &format!("{base}/drive/folders/{ID}?usp=sharing")).await.unwrap_err();
    assert!(error.to_string().contains("it is a folder of Google Drive; use the link of the file in it"), "{error}");
}

#[tokio::test]
async fn pages_of_other_hosts_are_not_followed() {
    let base = web::serve(|_, _| page(form("/next"))).await;
    let dir = tempfile::tempdir().unwrap();
    let dest = dir.path().join("model");
    web::open_network().download(&base, &dest, web::quick(), None, |_, _| {}).await.unwrap();
    assert_eq!(std::fs::read_to_string(dest).unwrap(), form("/next"));
}
