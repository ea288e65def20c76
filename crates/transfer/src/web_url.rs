//! An address that was read once: http or https, with a host, without credentials, and safe to show.

use std::fmt;

use url::Url;

use crate::TransferError;

/// Longest piece of an address that a message repeats, so that a sentence stays a sentence.
const SHOWN_CHARS: usize = 200;

/// An http or https address. `Display` and `Debug` leave out query and fragment: they may hold tokens.
#[derive(Clone, PartialEq, Eq)]
pub struct WebUrl {
    url: Url,
    shows: Shows,
}

/// What a message may repeat of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shows {
    /// Scheme, host and path.
    Path,
    /// Scheme and host: the path is a secret, too.
    Origin,
}

impl WebUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// When it is no URL, has a scheme other than http or https, a port that nothing listens at, or carries a user name
    /// or password.
    pub fn parse(text: &str) -> Result<Self, TransferError> {
        Self::read(text, Shows::Path)
    }

    /// Reads an address that is a secret as a whole, as those of webhooks are. Whatever is said of it, in errors too,
    /// names its scheme and host alone.
    ///
    /// # Errors
    /// As [`WebUrl::parse`].
    pub fn parse_secret(text: &str) -> Result<Self, TransferError> {
        Self::read(text, Shows::Origin)
    }

    /// The address to which `location`, a redirect's header, leads from here.
    ///
    /// # Errors
    /// As [`WebUrl::parse`].
    pub fn join(&self, location: &str) -> Result<Self, TransferError> {
        let url =
            self.url.join(location).map_err(|error| bad(self.to_string(), format!("it redirects badly, {error}")))?;
        Self::check(url, self.shows)
    }

    fn read(text: &str, shows: Shows) -> Result<Self, TransferError> {
        match Url::parse(text.trim()) {
            Ok(url) => Self::check(url, shows),
            Err(error) => {
                let shown = if shows == Shows::Path { shown_plain(text) } else { HIDDEN.into() };
                Err(bad(shown, error.to_string()))
            }
        }
    }

    fn check(mut url: Url, shows: Shows) -> Result<Self, TransferError> {
        url.set_fragment(None);
        let reason = if !matches!(url.scheme(), "http" | "https") {
            format!("{} is not http or https", url.scheme())
        } else if !url.username().is_empty() || url.password().is_some() {
            "it holds a user name or password, which would be stored with the job; use a signed or public URL".into()
        } else if url.host().is_none() {
            "it has no host".into()
        } else if url.port() == Some(0) {
            "nothing can listen at port 0".into()
        } else {
            return Ok(Self { url, shows });
        };
        Err(bad(shown(&url, shows), reason))
    }

    /// The parsed address.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// True when scheme, host and port are the same, so that a token for one may be shown to the other.
    pub fn same_origin(&self, other: &Self) -> bool {
        self.url.origin() == other.url.origin()
    }
}

impl fmt::Display for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.url, self.shows))
    }
}

impl fmt::Debug for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Stands for a text of which nothing may be shown.
const HIDDEN: &str = "***";

fn bad(url: String, reason: String) -> TransferError {
    TransferError::BadUrl { url, reason }
}

fn shown(url: &Url, shows: Shows) -> String {
    let Some(host) = url.host_str() else {
        // `mailto:`, `data:` and the like: what follows may be anything.
        return format!("{}:{HIDDEN}", url.scheme());
    };
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let path = if shows == Shows::Path { url.path() } else { "" };
    shorten(format!("{}://{host}{port}{path}", url.scheme()))
}

/// What may be shown of a text that a user gave as an address or a name.
pub(crate) fn shown_text(text: &str) -> String {
    WebUrl::parse(text).map_or_else(|_| shown_plain(text), |url| url.to_string())
}

/// What may be shown of a text that is no address: nothing behind `?` or `#`, and nothing at all before an `@`.
fn shown_plain(text: &str) -> String {
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
