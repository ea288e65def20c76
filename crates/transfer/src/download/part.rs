//! The bytes of a download that is not finished yet, and whether an answer goes on where they end.

use std::io::{self, Error, SeekFrom};
use std::path::Path;

use reqwest::header::{ACCEPT_ENCODING, CONTENT_RANGE, ETAG, HeaderMap, HeaderValue, IF_RANGE, LAST_MODIFIED, RANGE};
use reqwest::{Response, StatusCode};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use tokio::fs::File;
use tokio::io::{AsyncSeekExt, AsyncWriteExt, BufWriter};

use super::{Downloaded, Wanted};
use crate::error::status_remedy;
use crate::{TransferError, disk};

/// Bytes after which the free space is looked at again when the server has not declared a length.
const ROOM_CHECK_BYTES: u64 = 256 << 20;
/// Bytes gathered for one write.
const WRITE_BUFFER_BYTES: usize = 1 << 20;

/// The bytes so far.
pub(super) struct Part {
    temp: NamedTempFile,
    file: BufWriter<File>,
    hasher: Sha256,
    pub(super) bytes: u64,
    /// Most bytes that there have ever been.
    pub(super) furthest: u64,
    pub(super) declared: Option<u64>,
    /// Names the version of the file that the bytes are of; a resumed answer must be of the same one.
    validator: Option<HeaderValue>,
    /// Whether the hash of the whole is known, which says at the end what a validator says at the beginning.
    has_hash: bool,
}

impl Part {
    /// An empty file, or what has arrived before of a file whose hash is known.
    pub(super) async fn open(wanted: &Wanted<'_>) -> Result<Self, TransferError> {
        let (dest, sha256) = (wanted.dest.to_owned(), wanted.sha256.map(str::to_owned));
        let opened = tokio::task::spawn_blocking(move || {
            let mut temp = match &sha256 {
                Some(sha256) => disk::lasting_part(&dest, sha256)?,
                None => disk::part_beside(&dest)?,
            };
            let mut hasher = Sha256::new();
            let bytes = io::copy(temp.as_file_mut(), &mut hasher).map_err(TransferError::file("read", &dest))?;
            Ok((temp, hasher, bytes))
        });
        let opened =
            opened.await.unwrap_or_else(|error| Err(TransferError::file("read", wanted.dest)(Error::other(error))));
        let (temp, hasher, bytes) = opened?;
        let handle = temp.as_file().try_clone().map_err(TransferError::file("write", wanted.dest))?;
        Ok(Self {
            temp,
            file: BufWriter::with_capacity(WRITE_BUFFER_BYTES, File::from_std(handle)),
            hasher,
            bytes,
            furthest: bytes,
            declared: None,
            validator: None,
            has_hash: wanted.sha256.is_some(),
        })
    }

    /// Whether nothing is missing of a file whose hash is known.
    pub(super) fn is_whole(&self, wanted: &Wanted<'_>) -> bool {
        self.bytes > 0 && wanted.sha256.is_some_and(|sha256| sha256 == hex::encode(self.hasher.clone().finalize()))
    }

    /// Writes out what is still in memory, for whoever goes on; an empty part goes.
    pub(super) async fn leave(&mut self) {
        if self.bytes == 0 {
            self.temp.disable_cleanup(false);
        }
        if let Err(error) = self.file.flush().await {
            tracing::info!(%error, "the end of a file that is not whole was lost");
        }
    }

    /// Without a validator or a hash there is no safe way to resume, so nothing is asked for but the whole file.
    pub(super) fn range_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))]);
        let may_resume = self.bytes > 0 && (self.has_hash || self.validator.is_some());
        if let Some(range) = HeaderValue::try_from(format!("bytes={}-", self.bytes)).ok().filter(|_| may_resume) {
            headers.insert(RANGE, range);
            headers.extend(self.validator.clone().map(|validator| (IF_RANGE, validator)));
        }
        headers
    }

    /// Reads the head of an answer: goes on where the part ends, or starts again.
    pub(super) async fn begin(&mut self, response: &Response, wanted: &Wanted<'_>) -> Result<(), TransferError> {
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

    pub(super) async fn append(&mut self, chunk: &[u8], wanted: &Wanted<'_>) -> Result<(), TransferError> {
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
            self.file.seek(SeekFrom::Start(0)).await
        };
        rewind.await.map_err(failed)?;
        (self.hasher, self.bytes, self.declared, self.validator) = (Sha256::new(), 0, None, None);
        Ok(())
    }

    /// The finished bytes, if they are the ones that were announced; else they are forgotten.
    pub(super) async fn check(&mut self, wanted: &Wanted<'_>) -> Result<Downloaded, TransferError> {
        let found = hex::encode(self.hasher.clone().finalize());
        match wanted.sha256 {
            Some(expected) if expected != found => {
                self.restart(wanted).await?;
                Err(TransferError::WrongHash { url: wanted.url.to_string(), expected: expected.to_owned(), found })
            }
            _ => Ok(Downloaded { bytes: self.bytes, sha256: found }),
        }
    }

    pub(super) async fn keep(mut self, dest: &Path) -> Result<(), TransferError> {
        self.file.flush().await.map_err(TransferError::file("write", dest))?;
        let (temp, target) = (self.temp, dest.to_owned());
        let kept = tokio::task::spawn_blocking(move || durable::keep(temp, &target)).await;
        kept.unwrap_or_else(|error| Err(Error::other(error))).map_err(TransferError::file("write", dest))
    }

    fn check_room(&self, wanted: &Wanted<'_>, needed_bytes: u64) -> Result<(), TransferError> {
        disk::check_room(durable::folder_of(wanted.dest), &wanted.url.to_string(), needed_bytes)
    }

    pub(super) fn cut(&self, wanted: &Wanted<'_>, reason: String) -> TransferError {
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
