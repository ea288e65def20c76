//! A file from the web, whole or not at all: counted, hashed, resumed after a broken connection, and renamed into
//! place when its last byte is on the disk.

use std::path::Path;
use std::time::Duration;

use protocol::Secret;
use reqwest::{Method, Response};

use crate::TransferError;
use crate::network::{Ask, Follow, Network, root_cause};
use crate::share_link::Link;
use crate::web_url::WebUrl;

mod drive;
mod part;

use drive::Source;
use part::Part;

/// Most bytes of a zip of photos: a thousand photos of a megabyte.
pub const ZIP_BYTES_MAX: u64 = 1 << 30;
/// Most bytes of one model file: a full-precision checkpoint with EMA weights has 7.7 GB.
pub const MODEL_BYTES_MAX: u64 = 12 << 30;
/// Longest silence of a server in the middle of a file.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest download of a zip.
pub const ZIP_TIMEOUT: Duration = Duration::from_secs(20 * 60);
/// Longest download of a model: 12 GiB at 2 MB/s.
pub const MODEL_TIMEOUT: Duration = Duration::from_secs(2 * 60 * 60);
/// Failures in a row, without a new byte between them, after which a download is given up.
pub const FAILURES_MAX: u32 = 4;
/// Pause after the first failure; it doubles with each further one.
pub const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// What a download may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DownloadLimits {
    /// Most bytes, declared or received.
    pub max_bytes: u64,
    /// Longest wait for an answer, and for the next bytes of it.
    pub idle_timeout: Duration,
    /// Longest time for all of it, retries included.
    pub total_timeout: Duration,
    /// Failures in a row after which it is given up; 1 means no retry.
    pub failures_max: u32,
    /// Pause after the first failure; it doubles with each further one.
    pub retry_pause: Duration,
}

impl DownloadLimits {
    /// For `data_url`.
    pub const ZIP: Self = Self {
        max_bytes: ZIP_BYTES_MAX,
        idle_timeout: IDLE_TIMEOUT,
        total_timeout: ZIP_TIMEOUT,
        failures_max: FAILURES_MAX,
        retry_pause: RETRY_PAUSE,
    };

    /// For `ckpt_link` and the files of a model repository.
    pub const MODEL: Self = Self { max_bytes: MODEL_BYTES_MAX, total_timeout: MODEL_TIMEOUT, ..Self::ZIP };
}

/// What arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Downloaded {
    /// Length of the file.
    pub bytes: u64,
    /// Its sha256 in lower-case hex.
    pub sha256: String,
}

/// One file to fetch.
pub(crate) struct Wanted<'a> {
    pub(crate) url: &'a WebUrl,
    pub(crate) dest: &'a Path,
    pub(crate) limits: DownloadLimits,
    pub(crate) bearer: Option<&'a Secret>,
    /// The sha256 it must have, lower-case hex. Such a file is named by it while it is not whole, and what has arrived of
    /// it outlives a failure, a drop and the process: the next call for the same bytes goes on from there. No two may ask
    /// for the same `dest` at once.
    pub(crate) sha256: Option<&'a str>,
    /// Whether the server may first show a page that asks whether the file is wanted.
    pub(crate) is_drive: bool,
}

impl Network {
    /// Downloads `url` to the file `dest`, replacing it; until the last byte is on the disk, `dest` is untouched and
    /// the bytes lie in a `.part` file beside it, which vanishes when the download fails or is dropped. Share links
    /// are made direct ([`crate::Sites`]), and Google Drive's question about large files is answered. `bearer` is shown to the URL's own host alone. `progress` hears the bytes so
    /// far and, if the server told it, how many there will be.
    ///
    /// # Errors
    /// One sentence with the address (without its query) and the remedy, for: a bad or private address, a status
    /// other than 200, too many bytes, too little disk, a server that is slow, and a connection that keeps breaking.
    pub async fn download(
        &self,
        url: &str,
        dest: &Path,
        limits: DownloadLimits,
        bearer: Option<&Secret>,
        progress: impl FnMut(u64, Option<u64>) + Send,
    ) -> Result<Downloaded, TransferError> {
        let (url, is_drive) = match self.sites().read(url)? {
            Link::File(url) => (url, false),
            Link::Drive(url) => (url, true),
        };
        self.fetch(&Wanted { url: &url, dest, limits, bearer, sha256: None, is_drive }, progress).await
    }

    /// [`Network::download`] with a sha256 that must match before the file gets its name.
    pub(crate) async fn fetch(
        &self,
        wanted: &Wanted<'_>,
        mut progress: impl FnMut(u64, Option<u64>) + Send,
    ) -> Result<Downloaded, TransferError> {
        let total_timeout = wanted.limits.total_timeout;
        match tokio::time::timeout(total_timeout, self.fetch_with_retries(wanted, &mut progress)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(too_slow(wanted, "the whole download", total_timeout)),
        }
    }

    async fn fetch_with_retries(
        &self,
        wanted: &Wanted<'_>,
        progress: &mut (impl FnMut(u64, Option<u64>) + Send),
    ) -> Result<Downloaded, TransferError> {
        let mut part = Part::open(wanted).await?;
        let mut source = Source { url: wanted.url.clone(), cookies: None };
        let (mut failures, mut furthest) = (0, part.furthest);
        loop {
            let outcome = match self.fetch_rest(wanted, &mut source, &mut part, progress).await {
                Ok(()) => part.check(wanted).await,
                Err(error) => Err(error),
            };
            let error = match outcome {
                Ok(downloaded) => {
                    part.keep(wanted.dest).await?;
                    return Ok(downloaded);
                }
                Err(error) => error,
            };
            // Only new ground counts as progress: a server that sends the same first bytes for ever is no server.
            if part.furthest > furthest {
                (failures, furthest) = (0, part.furthest);
            }
            failures += 1;
            if !error.is_temporary() || failures >= wanted.limits.failures_max {
                part.leave().await;
                return Err(error);
            }
            tracing::info!(url = %wanted.url, failures, "download interrupted, trying again: {error}");
            tokio::time::sleep(wanted.limits.retry_pause * (1 << (failures - 1).min(5))).await;
        }
    }

    /// Asks for what is missing and appends it. `source` is where the file turned out to be.
    async fn fetch_rest(
        &self,
        wanted: &Wanted<'_>,
        source: &mut Source,
        part: &mut Part,
        progress: &mut (impl FnMut(u64, Option<u64>) + Send),
    ) -> Result<(), TransferError> {
        if part.is_whole(wanted) {
            return Ok(());
        }
        let mut response = self.ask_for_rest(wanted, source, part).await?;
        let mut pages = 0;
        while wanted.is_drive && drive::is_page(&response) {
            pages += 1;
            *source = drive::follow(response, wanted.url, pages, wanted.limits.idle_timeout).await?;
            response = self.ask_for_rest(wanted, source, part).await?;
        }
        part.begin(&response, wanted).await?;
        loop {
            let chunk = match tokio::time::timeout(wanted.limits.idle_timeout, response.chunk()).await {
                Err(_) => return Err(too_slow(wanted, "the next bytes", wanted.limits.idle_timeout)),
                Ok(Err(error)) => return Err(part.cut(wanted, root_cause(&error))),
                Ok(Ok(None)) => break,
                Ok(Ok(Some(chunk))) => chunk,
            };
            part.append(&chunk, wanted).await?;
            progress(part.bytes, part.declared);
        }
        match part.declared {
            Some(declared) if declared != part.bytes => Err(part.cut(wanted, "the length is wrong".into())),
            _ => Ok(()),
        }
    }

    async fn ask_for_rest(&self, wanted: &Wanted<'_>, source: &Source, part: &Part) -> Result<Response, TransferError> {
        let ask = Ask {
            method: Method::GET,
            url: &source.url,
            headers: part.range_headers(),
            bearer: wanted.bearer.filter(|_| source.url.same_origin(wanted.url)),
            cookies: source.cookies.as_ref(),
            body: None,
            follow: Follow::Anywhere,
            answer_timeout: wanted.limits.idle_timeout,
        };
        self.send(&ask).await
    }
}

fn too_slow(wanted: &Wanted<'_>, what: &'static str, limit: Duration) -> TransferError {
    TransferError::TooSlow { url: wanted.url.to_string(), what, limit_s: limit.as_secs_f64() }
}
