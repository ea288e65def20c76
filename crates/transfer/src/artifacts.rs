//! The files of finished jobs, in a local folder: `{dir}/{job}/{file}`.
//!
//! Plain files rather than an object store's local adapter: here a file must be on the disk, name and all, before the
//! job that owns it is called complete, and gigabytes that already lie on the same disk should not be copied.

use std::fs;
use std::io::{self, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::Stream;
use protocol::{ArtifactKey, JobId};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use crate::{TransferError, disk};

/// Bytes of one piece of a stream: few system calls, and little memory for each reader.
const STREAM_PIECE_BYTES: usize = 256 << 10;

/// Where the files of finished jobs lie. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ArtifactStore {
    dir: PathBuf,
}

impl ArtifactStore {
    /// A store in the folder `dir`, which is made when it is missing.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn local(dir: impl Into<PathBuf>) -> Result<Self, TransferError> {
        let dir = dir.into();
        fs::create_dir_all(&dir).map_err(TransferError::file("create", &dir))?;
        Ok(Self { dir })
    }

    /// Stores a copy of `source` under `key`, replacing what was there; when this returns, it survives a power cut.
    /// On the same file system the copy is a second name of the same bytes, so `source` must not be changed
    /// afterwards; it may be deleted. Returns its length.
    ///
    /// # Errors
    /// When `source` cannot be read or the store cannot be written; what was there before then stays.
    pub async fn put_file(&self, key: &ArtifactKey, source: &Path) -> Result<u64, TransferError> {
        let (source, dest) = (source.to_owned(), self.path(key));
        off_thread(&self.dir, move || put(&source, &dest)).await
    }

    /// Opens a file; `None` when there is none.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub async fn open(&self, key: &ArtifactKey) -> Result<Option<Artifact>, TransferError> {
        let path = self.path(key);
        let file = match File::open(&path).await {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(TransferError::file("read", &path)(error)),
        };
        let bytes = file.metadata().await.map_err(TransferError::file("read", &path))?.len();
        Ok(Some(Artifact { file, bytes }))
    }

    /// Deletes every file of a job; fine when there is none.
    ///
    /// # Errors
    /// When something is there and cannot be deleted.
    pub async fn delete_job(&self, job: &JobId) -> Result<(), TransferError> {
        let dir = self.dir.join(job.as_str());
        match tokio::fs::remove_dir_all(&dir).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(TransferError::file("delete", &dir)(error)),
            _ => Ok(()),
        }
    }

    /// A key is one job id and one plain file name, so the path cannot leave the store.
    fn path(&self, key: &ArtifactKey) -> PathBuf {
        self.dir.join(key.as_str())
    }
}

fn put(source: &Path, dest: &Path) -> Result<u64, TransferError> {
    let job_dir = disk::folder_of(dest);
    fs::create_dir_all(job_dir).map_err(TransferError::file("create", job_dir))?;
    disk::sync_folder(disk::folder_of(job_dir)).map_err(TransferError::file("write", job_dir))?;
    let found = fs::metadata(source).map_err(TransferError::file("read", source))?;
    let bytes = found.len();
    // Renaming one name of a file to another name of it does nothing and leaves both.
    if fs::metadata(dest).is_ok_and(|there| (there.dev(), there.ino()) == (found.dev(), found.ino())) {
        return Ok(bytes);
    }
    let builder = || {
        let mut builder = tempfile::Builder::new();
        builder.prefix(".").suffix(".part");
        builder
    };
    match builder().make_in(job_dir, |path| fs::hard_link(source, path)) {
        Ok(part) => {
            fs::File::open(part.path()).and_then(|file| file.sync_all()).map_err(TransferError::file("write", dest))?;
            part.persist(dest).map_err(|error| TransferError::file("write", dest)(error.error))?;
            disk::sync_folder(job_dir).map_err(TransferError::file("write", dest))?;
        }
        // Another file system, or one without links.
        Err(_) => {
            let mut part = disk::part_beside(dest)?;
            let mut reader = fs::File::open(source).map_err(TransferError::file("read", source))?;
            io::copy(&mut reader, part.as_file_mut()).map_err(TransferError::file("write", dest))?;
            disk::keep(part, dest)?;
        }
    }
    Ok(bytes)
}

/// Runs file work where it cannot hold up the async threads.
async fn off_thread<T: Send + 'static>(
    dir: &Path,
    work: impl FnOnce() -> Result<T, TransferError> + Send + 'static,
) -> Result<T, TransferError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(TransferError::file("write", dir)(io::Error::other(error))))
}

/// An open file of the store. It stays readable when the store deletes or replaces it.
#[derive(Debug)]
pub struct Artifact {
    file: File,
    bytes: u64,
}

impl Artifact {
    /// Length of the file.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The whole file, piece by piece.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn stream(self) -> io::Result<impl Stream<Item = io::Result<Bytes>> + Send + 'static> {
        let all = 0..self.bytes;
        self.stream_range(all).await
    }

    /// The bytes `range.start..range.end`, cut to the file's length.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn stream_range(
        mut self,
        range: Range<u64>,
    ) -> io::Result<impl Stream<Item = io::Result<Bytes>> + Send + 'static> {
        self.file.seek(SeekFrom::Start(range.start)).await?;
        let rest = self.file.take(range.end.saturating_sub(range.start));
        Ok(ReaderStream::with_capacity(rest, STREAM_PIECE_BYTES))
    }
}
