//! A file from the web, whole or not at all: counted, hashed, resumed after a broken connection, and renamed into
//! place when its last byte is on the disk.

use std::path::Path;
use std::time::Duration;

use protocol::Secret;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_RANGE, ETAG, HeaderMap, HeaderValue, IF_RANGE, LAST_MODIFIED, RANGE};
use reqwest::{Method, Response, StatusCode};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use tokio::fs::File;
use tokio::io::{AsyncSeekExt, AsyncWriteExt, BufWriter};

use crate::error::status_remedy;
use crate::network::{Ask, Follow, Network, root_cause};
use crate::web_url::{WebUrl, direct_link};
use crate::{TransferError, disk};

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

/// Bytes after which the free space is looked at again when the server has not declared a length.
const ROOM_CHECK_BYTES: u64 = 256 << 20;
/// Bytes gathered for one write.
const WRITE_BUFFER_BYTES: usize = 1 << 20;

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
    /// The sha256 it must have, lower-case hex.
    pub(crate) sha256: Option<&'a str>,
}

impl Network {
    /// Downloads `url` to the file `dest`, replacing it; until the last byte is on the disk, `dest` is untouched and
    /// the bytes lie in a `.part` file beside it, which vanishes when the download fails or is dropped. Share links are made direct
    /// ([`direct_link`]). `bearer` is shown to the URL's own host alone. `progress` hears the bytes so far and, if the
    /// server told it, how many there will be.
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
        let url = WebUrl::parse(&direct_link(url))?;
        self.fetch(&Wanted { url: &url, dest, limits, bearer, sha256: None }, progress).await
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
        let mut part = Part::create(wanted.dest)?;
        let (mut failures, mut furthest) = (0, 0);
        loop {
            let outcome = match self.fetch_rest(wanted, &mut part, progress).await {
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
                return Err(error);
            }
            tracing::info!(url = %wanted.url, failures, "download interrupted, trying again: {error}");
            tokio::time::sleep(wanted.limits.retry_pause * (1 << (failures - 1).min(5))).await;
        }
    }

    /// Asks for what is missing and appends it.
    async fn fetch_rest(
        &self,
        wanted: &Wanted<'_>,
        part: &mut Part,
        progress: &mut (impl FnMut(u64, Option<u64>) + Send),
    ) -> Result<(), TransferError> {
        let ask = Ask {
            method: Method::GET,
            url: wanted.url,
            headers: part.range_headers(),
            bearer: wanted.bearer,
            body: None,
            follow: Follow::Anywhere,
            answer_timeout: wanted.limits.idle_timeout,
        };
        let mut response = self.send(&ask).await?;
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
}

fn too_slow(wanted: &Wanted<'_>, what: &'static str, limit: Duration) -> TransferError {
    TransferError::TooSlow { url: wanted.url.to_string(), what, limit_s: limit.as_secs_f64() }
}

/// The bytes so far.
struct Part {
    temp: NamedTempFile,
    file: BufWriter<File>,
    hasher: Sha256,
    bytes: u64,
    /// Most bytes that there have ever been.
    furthest: u64,
    declared: Option<u64>,
    /// Names the version of the file that the bytes are of; a resumed answer must be of the same one.
    validator: Option<HeaderValue>,
}

impl Part {
    fn create(dest: &Path) -> Result<Self, TransferError> {
        let temp = disk::part_beside(dest)?;
        let handle = temp.as_file().try_clone().map_err(TransferError::file("write", dest))?;
        Ok(Self {
            temp,
            file: BufWriter::with_capacity(WRITE_BUFFER_BYTES, File::from_std(handle)),
            hasher: Sha256::new(),
            bytes: 0,
            furthest: 0,
            declared: None,
            validator: None,
        })
    }

    /// Without a validator there is no safe way to resume, so nothing is asked for but the whole file.
    fn range_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))]);
        if let (Some(validator), Ok(range)) = (&self.validator, HeaderValue::try_from(format!("bytes={}-", self.bytes)))
            && self.bytes > 0
        {
            headers.insert(RANGE, range);
            headers.insert(IF_RANGE, validator.clone());
        }
        headers
    }

    /// Reads the head of an answer: goes on where the part ends, or starts again.
    async fn begin(&mut self, response: &Response, wanted: &Wanted<'_>) -> Result<(), TransferError> {
        let rest = response.content_length();
        match response.status() {
            StatusCode::PARTIAL_CONTENT if range_start(response) == Some(self.bytes) => {
                self.declared = rest.map(|rest| self.bytes.saturating_add(rest));
            }
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
                self.restart(wanted).await?;
                return Err(self.cut(wanted, "the server resumed at the wrong place".into()));
            }
            StatusCode::OK => {
                self.restart(wanted).await?;
                self.declared = rest;
                self.validator = validator(response.headers());
            }
            status => {
                let (status, url) = (status.as_u16(), wanted.url.to_string());
                return Err(TransferError::Status { url, status, remedy: status_remedy(status) });
            }
        }
        if self.declared.is_some_and(|declared| declared > wanted.limits.max_bytes) {
            return Err(too_large(wanted));
        }
        self.check_room(wanted, rest.unwrap_or(0))
    }

    async fn append(&mut self, chunk: &[u8], wanted: &Wanted<'_>) -> Result<(), TransferError> {
        let before = self.bytes;
        self.bytes += chunk.len() as u64;
        if self.bytes > wanted.limits.max_bytes {
            return Err(too_large(wanted));
        }
        if self.declared.is_none() && before / ROOM_CHECK_BYTES != self.bytes / ROOM_CHECK_BYTES {
            self.check_room(wanted, ROOM_CHECK_BYTES)?;
        }
        self.hasher.update(chunk);
        self.file.write_all(chunk).await.map_err(TransferError::file("write", wanted.dest))?;
        self.furthest = self.furthest.max(self.bytes);
        Ok(())
    }

    /// Forgets what was received.
    async fn restart(&mut self, wanted: &Wanted<'_>) -> Result<(), TransferError> {
        let failed = TransferError::file("write", wanted.dest);
        let rewind = async {
            self.file.flush().await?;
            self.file.get_mut().set_len(0).await?;
            self.file.seek(std::io::SeekFrom::Start(0)).await
        };
        rewind.await.map_err(failed)?;
        (self.hasher, self.bytes, self.declared, self.validator) = (Sha256::new(), 0, None, None);
        Ok(())
    }

    /// The finished bytes, if they are the ones that were announced; else they are forgotten.
    async fn check(&mut self, wanted: &Wanted<'_>) -> Result<Downloaded, TransferError> {
        let found = hex::encode(self.hasher.clone().finalize());
        match wanted.sha256 {
            Some(expected) if expected != found => {
                self.restart(wanted).await?;
                Err(TransferError::WrongHash { url: wanted.url.to_string(), expected: expected.to_owned(), found })
            }
            _ => Ok(Downloaded { bytes: self.bytes, sha256: found }),
        }
    }

    async fn keep(mut self, dest: &Path) -> Result<(), TransferError> {
        self.file.flush().await.map_err(TransferError::file("write", dest))?;
        let (temp, target) = (self.temp, dest.to_owned());
        let kept = tokio::task::spawn_blocking(move || disk::keep(temp, &target)).await;
        kept.unwrap_or_else(|error| Err(TransferError::file("write", dest)(std::io::Error::other(error))))
    }

    fn check_room(&self, wanted: &Wanted<'_>, needed_bytes: u64) -> Result<(), TransferError> {
        disk::check_room(disk::folder_of(wanted.dest), &wanted.url.to_string(), needed_bytes)
    }

    fn cut(&self, wanted: &Wanted<'_>, reason: String) -> TransferError {
        let of = self.declared.map(|declared| format!(" of {declared}")).unwrap_or_default();
        TransferError::Cut { url: wanted.url.to_string(), bytes: self.bytes, of, reason }
    }
}

fn too_large(wanted: &Wanted<'_>) -> TransferError {
    TransferError::TooLarge { url: wanted.url.to_string(), limit_bytes: wanted.limits.max_bytes }
}

/// A strong ETag, else the date of the last change; a weak ETag may not be used to resume (RFC 9110 §13.1.5).
fn validator(headers: &HeaderMap) -> Option<HeaderValue> {
    let etag = headers.get(ETAG).filter(|etag| etag.as_bytes().starts_with(b"\""));
    etag.or_else(|| headers.get(LAST_MODIFIED)).cloned()
}

/// The first byte of `Content-Range: bytes 100-199/200`.
fn range_start(response: &Response) -> Option<u64> {
    let range = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split_once('-')?.0.trim().parse().ok()
}
