//! An address that was read once: http or https, with a host, without credentials, and safe to show.

use std::fmt;

use url::Url;

use crate::TransferError;

/// Longest piece of an address that a message repeats, so that a sentence stays a sentence.
const SHOWN_CHARS: usize = 200;

/// An http or https address. `Display` and `Debug` leave out query and fragment: they may hold tokens.
#[derive(Clone, PartialEq, Eq)]
pub struct WebUrl(Url);

impl WebUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// When it is no URL, has a scheme other than http or https, or carries a user name or password.
    pub fn parse(text: &str) -> Result<Self, TransferError> {
        let url = Url::parse(text.trim()).map_err(|error| bad(shown_text(text), error.to_string()))?;
        Self::check(url)
    }

    /// The address to which `location`, a redirect's header, leads from here.
    ///
    /// # Errors
    /// As [`WebUrl::parse`].
    pub fn join(&self, location: &str) -> Result<Self, TransferError> {
        let url =
            self.0.join(location).map_err(|error| bad(self.to_string(), format!("it redirects badly, {error}")))?;
        Self::check(url)
    }

    fn check(mut url: Url) -> Result<Self, TransferError> {
        url.set_fragment(None);
        if !matches!(url.scheme(), "http" | "https") {
            let scheme = url.scheme().to_owned();
            return Err(bad(shown(&url), format!("{scheme} is not http or https")));
        }
        if !url.username().is_empty() || url.password().is_some() {
            let reason =
                "it holds a user name or password, which would be stored with the job; use a signed or public URL";
            return Err(bad(shown(&url), reason.into()));
        }
        if url.host().is_none() {
            return Err(bad(shown(&url), "it has no host".into()));
        }
        Ok(Self(url))
    }

    /// The parsed address.
    pub(crate) fn url(&self) -> &Url {
        &self.0
    }

    /// True when scheme, host and port are the same, so that a token for one may be shown to the other.
    pub fn same_origin(&self, other: &Self) -> bool {
        self.0.origin() == other.0.origin()
    }
}

impl fmt::Display for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.0))
    }
}

impl fmt::Debug for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn bad(url: String, reason: String) -> TransferError {
    TransferError::BadUrl { url, reason }
}

fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    shorten(format!("{}://{host}{port}{}", url.scheme(), url.path()))
}

/// What may be shown of a text that is no URL: nothing behind `?` or `#`, and nothing at all before an `@`.
fn shown_text(text: &str) -> String {
    let plain = text.split(['?', '#']).next().unwrap_or_default();
    let plain = plain.rsplit_once('@').map_or(plain, |(_, rest)| rest);
    shorten(format!("\"{}\"", plain.trim()))
}

fn shorten(text: String) -> String {
    if text.chars().count() <= SHOWN_CHARS {
        return text;
    }
    text.chars().take(SHOWN_CHARS).chain("…".chars()).collect()
}

/// Turns links that show a page about a file into links to the file: shared files of Google Drive and Dropbox, and
/// `/blob/` pages of Hugging Face and GitHub. Anything else, text that is no URL included, comes back as it was.
pub fn direct_link(text: &str) -> String {
    rewritten(text).unwrap_or_else(|| text.to_owned())
}

fn rewritten(text: &str) -> Option<String> {
    let mut url = Url::parse(text.trim()).ok()?;
    match url.host_str()? {
        "drive.google.com" | "docs.google.com" => {
            let id = drive_id(&url)?;
            // `confirm=t` answers the page that asks whether a file too large for the virus scan is wanted.
            let query = [("id", id.as_str()), ("export", "download"), ("confirm", "t")];
            let direct = Url::parse_with_params("https://drive.usercontent.google.com/download", query).ok()?;
            Some(direct.into())
        }
        "www.dropbox.com" | "dropbox.com" => {
            let rest: Vec<(String, String)> = url
                .query_pairs()
                .filter(|(key, _)| key != "dl")
                .map(|(key, value)| (key.into(), value.into()))
                .collect();
            url.query_pairs_mut().clear().extend_pairs(rest).append_pair("dl", "1");
            Some(url.into())
        }
        "huggingface.co" => replace_blob(url, "resolve"),
        "github.com" => replace_blob(url, "raw"),
        _ => None,
    }
}

/// `/file/d/ID/…`, or `?id=ID` of `/open` and `/uc`.
fn drive_id(url: &Url) -> Option<String> {
    let mut segments = url.path_segments()?;
    let in_path = segments.any(|segment| segment == "d").then(|| segments.next()).flatten();
    let id = in_path
        .map(str::to_owned)
        .or_else(|| url.query_pairs().find(|(key, _)| key == "id").map(|(_, value)| value.into_owned()))?;
    (!id.is_empty()).then_some(id)
}

/// `/owner/name/blob/…` becomes `/owner/name/{word}/…`.
fn replace_blob(mut url: Url, word: &str) -> Option<String> {
    let mut segments: Vec<String> = url.path_segments()?.map(str::to_owned).collect();
    let blob = segments.get_mut(2).filter(|segment| *segment == "blob")?;
    *blob = word.to_owned();
    url.set_path(&segments.join("/"));
    Some(url.into())
}
