//! Links that people share lead to a page about a file; these are made links to the file itself.

use url::{Host, Url};

use crate::TransferError;
use crate::web_url::WebUrl;

/// Sites whose share links are understood. [`Sites::default`] has the public ones; a mirror of a model hub is added with
/// [`Sites::with_hub`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sites {
    /// Hosts of Google Drive's pages about files, with the port where it is not the usual one.
    pub drive_pages: Vec<String>,
    /// The address under which Google Drive gives the files.
    pub drive_files: String,
    /// Hosts of model hubs, likewise.
    pub hubs: Vec<String>,
}

impl Default for Sites {
    fn default() -> Self {
        Self {
            drive_pages: ["drive.google.com", "docs.google.com", "drive.usercontent.google.com"].map(Into::into).into(),
            drive_files: "https://drive.usercontent.google.com/download".into(),
            hubs: ["huggingface.co", "www.huggingface.co", "hf.co"].map(Into::into).into(),
        }
    }
}

/// Where a link leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Link {
    /// To bytes.
    File(WebUrl),
    /// To a file of Google Drive, which may first ask whether it is wanted.
    Drive(WebUrl),
}

impl Sites {
    /// With a hub at this address, a mirror say; an address that is none adds nothing.
    #[must_use]
    pub fn with_hub(mut self, endpoint: &str) -> Self {
        self.hubs.extend(Url::parse(endpoint).ok().as_ref().and_then(place));
        self
    }

    /// Turns links that show a page about a file into links to the file: shared files of Google Drive and Dropbox, and
    /// `/blob/` pages of model hubs and GitHub. Anything else, text that is no URL included, comes back as it was.
    #[must_use]
    pub fn direct_link(&self, text: &str) -> String {
        self.rewritten(text).unwrap_or_else(|| text.to_owned())
    }

    /// Reads a link that a user wrote.
    ///
    /// # Errors
    /// For an address that cannot be fetched, a folder of Google Drive among them.
    pub(crate) fn read(&self, text: &str) -> Result<Link, TransferError> {
        let written = WebUrl::parse(text)?;
        let url = WebUrl::parse(&self.direct_link(text))?;
        if !self.is_drive(written.url()) {
            return Ok(Link::File(url));
        }
        if url == written && written.url().path().contains("/folders/") {
            let reason = "it is a folder of Google Drive; use the link of the file in it".to_owned();
            return Err(TransferError::BadUrl { url: written.to_string(), reason });
        }
        Ok(Link::Drive(url))
    }

    fn is_drive(&self, url: &Url) -> bool {
        place(url).is_some_and(|place| self.drive_pages.contains(&place))
    }

    fn rewritten(&self, text: &str) -> Option<String> {
        let mut url = Url::parse(text.trim()).ok()?;
        let place = place(&url)?;
        if self.is_drive(&url) {
            return self.drive_file(&url);
        }
        if self.hubs.contains(&place) {
            return replace_blob(url, "resolve");
        }
        match place.as_str() {
            "www.dropbox.com" | "dropbox.com" => {
                let rest: Vec<(String, String)> = url
                    .query_pairs()
                    .filter(|(key, _)| key != "dl")
                    .map(|(key, value)| (key.into(), value.into()))
                    .collect();
                url.query_pairs_mut().clear().extend_pairs(rest).append_pair("dl", "1");
                Some(url.into())
            }
            "github.com" => replace_blob(url, "raw"),
            _ => None,
        }
    }

    /// The address of the file that a page of Google Drive is about.
    fn drive_file(&self, page: &Url) -> Option<String> {
        let id = drive_id(page)?;
        // `confirm=t` answers the page that asks whether a file too large for the virus scan is wanted.
        let mut query = vec![("id", id), ("export", "download".to_owned()), ("confirm", "t".to_owned())];
        // Files that were shared before 2021 open with a key in their link alone.
        query.extend(value_of(page, "resourcekey").map(|key| ("resourcekey", key)));
        Url::parse_with_params(&self.drive_files, query).ok().map(Into::into)
    }
}

/// Host, and port where it is not the scheme's own.
fn place(url: &Url) -> Option<String> {
    let host = match url.host()? {
        Host::Domain(name) => name.to_ascii_lowercase(),
        address => address.to_string(),
    };
    Some(url.port().map_or(host.clone(), |port| format!("{host}:{port}")))
}

/// `/file/d/ID/…`, or `?id=ID` of `/open`, `/uc` and `/download`.
fn drive_id(url: &Url) -> Option<String> {
    let mut segments = url.path_segments()?;
    let in_path = segments.any(|segment| segment == "d").then(|| segments.next()).flatten();
    let id = in_path.map(str::to_owned).or_else(|| value_of(url, "id"))?;
    (!id.is_empty()).then_some(id)
}

fn value_of(url: &Url, key: &str) -> Option<String> {
    url.query_pairs().find(|(found, _)| found == key).map(|(_, value)| value.into_owned())
}

/// `/owner/name/blob/…` becomes `/owner/name/{word}/…`.
fn replace_blob(mut url: Url, word: &str) -> Option<String> {
    let mut segments: Vec<String> = url.path_segments()?.map(str::to_owned).collect();
    let blob = segments.get_mut(2).filter(|segment| *segment == "blob")?;
    *blob = word.to_owned();
    url.set_path(&segments.join("/"));
    Some(url.into())
}
