//! Google Drive asks before it gives a file too large for its virus scan: a page with a form, in older forms a link or a
//! cookie. This finds the way on, as `gdown` does, or what the page says instead.

use std::time::Duration;

use reqwest::Response;
use reqwest::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue, SET_COOKIE};
use url::Url;

use crate::TransferError;
use crate::html::{self, Tag, tags};
use crate::network::root_cause;
use crate::web_url::WebUrl;

/// Most bytes that are read of a page; Google's has some 3 kB.
const PAGE_BYTES_MAX: usize = 1 << 20;

/// Most pages between a link and its file: one is usual.
const PAGES_MAX: usize = 3;

/// Where the file is asked for.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) url: WebUrl,
    /// What the page before gave, for the same origin.
    pub(super) cookies: Option<HeaderValue>,
}

/// Whether the answer is a page about the file instead of the file.
pub(super) fn is_page(response: &Response) -> bool {
    let headers = response.headers();
    let is_html = headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    response.status().is_success() && is_html && !headers.contains_key(CONTENT_DISPOSITION)
}

/// Where the page leads on to that came when `asked` was asked for; it is the `number`th of them.
///
/// # Errors
/// When it leads nowhere, or is one too many, with what it says; or when it cannot be read.
pub(super) async fn follow(
    response: Response,
    asked: &WebUrl,
    number: usize,
    idle: Duration,
) -> Result<Source, TransferError> {
    let at = WebUrl::parse(response.url().as_str())?;
    let cookies = Cookies::of(&response);
    let page = read(response, asked, idle).await?;
    let next =
        form(&page, &at).or_else(|| link(&page, &at)).or_else(|| script(&page)).or_else(|| cookies.confirmed(&at));
    let Some(next) = next.filter(|_| number <= PAGES_MAX) else {
        let said = complaint(&page).or_else(|| html::title(&page)).unwrap_or_else(|| "nothing".to_owned());
        return Err(TransferError::NotGiven { url: asked.to_string(), said });
    };
    let url = WebUrl::parse(&next)?;
    let cookies = cookies.header().filter(|_| url.same_origin(&at));
    Ok(Source { url, cookies })
}

async fn read(mut response: Response, asked: &WebUrl, idle: Duration) -> Result<String, TransferError> {
    let mut page = Vec::new();
    while page.len() < PAGE_BYTES_MAX {
        match tokio::time::timeout(idle, response.chunk()).await {
            Ok(Ok(Some(chunk))) => page.extend_from_slice(&chunk),
            Ok(Ok(None)) => break,
            Ok(Err(error)) => {
                return Err(TransferError::Unreachable { url: asked.to_string(), reason: root_cause(&error) });
            }
            Err(_) => {
                let limit_s = idle.as_secs_f64();
                return Err(TransferError::TooSlow { url: asked.to_string(), what: "the next bytes", limit_s });
            }
        }
    }
    page.truncate(PAGE_BYTES_MAX);
    Ok(String::from_utf8_lossy(&page).into_owned())
}

/// `<form id="download-form" action="…">` with hidden inputs, sent as a browser does.
fn form(page: &str, at: &WebUrl) -> Option<String> {
    let is_form = |tag: &Tag<'_>| tag.name == "form" && tag.attribute("id").as_deref() == Some("download-form");
    let form = tags(page).find(is_form)?;
    let mut url = at.url().join(&form.attribute("action")?).ok()?;
    let inside = form.behind.split("</form").next().unwrap_or_default();
    let inputs: Vec<(String, String)> = tags(inside)
        .filter(|tag| tag.name == "input" && tag.attribute("type").as_deref() == Some("hidden"))
        .filter_map(|tag| Some((tag.attribute("name")?, tag.attribute("value").unwrap_or_default())))
        .collect();
    let kept: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(key, _)| inputs.iter().all(|(name, _)| name != key))
        .map(|(key, value)| (key.into(), value.into()))
        .collect();
    url.query_pairs_mut().clear().extend_pairs(kept).extend_pairs(inputs);
    Some(url.into())
}

/// `<a id="uc-download-link" href="/uc?export=download&confirm=…">`, until 2022.
fn link(page: &str, at: &WebUrl) -> Option<String> {
    let links = tags(page).filter(|tag| tag.name == "a").filter_map(|tag| tag.attribute("href"));
    let href = links.into_iter().find(|href| href.starts_with("/uc?") && href.contains("export=download"))?;
    at.url().join(&href).ok().map(Into::into)
}

/// `"downloadUrl":"…"` in a script.
fn script(page: &str) -> Option<String> {
    let (_, behind) = page.split_once("\"downloadUrl\":\"")?;
    let (url, _) = behind.split_once('"')?;
    let url = url.replace("\\u003d", "=").replace("\\u0026", "&").replace("\\/", "/");
    Url::parse(&url).ok().map(Into::into)
}

/// The sentence in which Google says why not.
fn complaint(page: &str) -> Option<String> {
    let classes = ["uc-error-subcaption", "uc-error-caption"];
    let find = |class| tags(page).find(|tag| tag.attribute("class").as_deref() == Some(class));
    classes.into_iter().find_map(|class| html::text(find(class)?.behind))
}

/// What a page wants to have repeated.
struct Cookies(Vec<(String, String)>);

impl Cookies {
    fn of(response: &Response) -> Self {
        let texts = response.headers().get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs = texts.filter_map(|text| text.split(';').next()?.trim().split_once('='));
        Self(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    fn header(&self) -> Option<HeaderValue> {
        let pairs: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut header = HeaderValue::try_from(pairs.join("; ")).ok().filter(|header| !header.is_empty())?;
        header.set_sensitive(true);
        Some(header)
    }

    /// The same address with the answer that the cookie `download_warning…` holds, until 2020.
    fn confirmed(&self, at: &WebUrl) -> Option<String> {
        let (_, token) = self.0.iter().find(|(name, _)| name.starts_with("download_warning"))?;
        let mut url = at.url().clone();
        let kept: Vec<(String, String)> = url
            .query_pairs()
            .filter(|(key, _)| key != "confirm")
            .map(|(key, value)| (key.into(), value.into()))
            .collect();
        url.query_pairs_mut().clear().extend_pairs(kept).append_pair("confirm", token);
        Some(url.into())
    }
}
