//! The files of jobs, in a local folder that the service alone may enter: `{dir}/{job}/{lease}/{file}`. Each attempt has
//! a folder of its own, so that one that was believed dead and wakes up can replace nothing of its successor.
//!
//! Plain files rather than an object store's local adapter: here a file must be on the disk, name and all, before the
//! job that owns it is called complete, and gigabytes that already lie on the same disk should not be copied.

use std::fs;
use std::io::{self, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::Stream;
use protocol::{ArtifactKey, JobId};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use crate::{TransferError, disk};

mod source;

use source::Source;

/// Bytes of one piece of a stream: few system calls, and little memory for each reader.
const STREAM_PIECE_BYTES: usize = 256 << 10;

/// Where the files of jobs lie. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ArtifactStore {
    dir: PathBuf,
}

/// What the files of one job weigh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobFiles {
    /// Whose files.
    pub job: JobId,
    /// Bytes of all files of all its attempts.
    pub bytes: u64,
}

impl ArtifactStore {
    /// A store in the folder `dir`, which is made when it is missing, and is private from then on.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn local(dir: impl Into<PathBuf>) -> Result<Self, TransferError> {
        let dir = dir.into();
        disk::private_dir(&dir)?;
        Ok(Self { dir })
    }

    /// Stores a copy of `source` under `key`, replacing what was there; when this returns, it survives a power cut.
    /// On the same file system the copy is a second name of the same bytes, so `source` must not be changed
    /// afterwards; it may be deleted. Returns its length.
    ///
    /// # Errors
    /// When `source` is no regular file, or is or lies in a link (whoever wrote it may have chosen where that leads),
    /// when it cannot be read, or the store cannot be written; what was there before then stays.
    pub async fn put_file(&self, key: &ArtifactKey, source: &Path) -> Result<u64, TransferError> {
        let (source, dest) = (source.to_owned(), self.path(key));
        off_thread("write", &self.dir, move || put(&source, &dest)).await
    }

    /// Opens a file; `None` when there is none.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub async fn open(&self, key: &ArtifactKey) -> Result<Option<Artifact>, TransferError> {
        let path = self.path(key);
        off_thread("read", &self.dir, move || match Source::open(&path) {
            Ok(stored) => {
                let bytes = stored.bytes().map_err(TransferError::file("read", &path))?;
                Ok(Some(Artifact { file: File::from_std(stored.into_file()), bytes }))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(TransferError::file("read", &path)(error)),
        })
        .await
    }

    /// Deletes every file of a job; fine when there is none.
    ///
    /// # Errors
    /// When something is there and cannot be deleted.
    pub async fn delete_job(&self, job: &JobId) -> Result<(), TransferError> {
        let dir = self.job_dir(job);
        off_thread("delete", &self.dir, move || remove(&dir)).await
    }

    /// Deletes every file of one attempt of a job; fine when there is none.
    ///
    /// # Errors
    /// As [`ArtifactStore::delete_job`].
    pub async fn delete_attempt(&self, job: &JobId, lease: i64) -> Result<(), TransferError> {
        let dir = self.job_dir(job).join(lease.to_string());
        off_thread("delete", &self.dir, move || remove(&dir)).await
    }

    /// Deletes the files of every attempt of a job but this one; of all of them when there is none to keep.
    ///
    /// # Errors
    /// As [`ArtifactStore::delete_job`].
    pub async fn keep_only(&self, job: &JobId, lease: Option<i64>) -> Result<(), TransferError> {
        let Some(lease) = lease else { return self.delete_job(job).await };
        let (dir, kept) = (self.job_dir(job), lease.to_string());
        off_thread("delete", &self.dir, move || {
            for name in names_in(&dir)?.into_iter().filter(|name| *name != kept) {
                remove(&dir.join(name))?;
            }
            Ok(())
        })
        .await
    }

    /// Every job that has files here, and what they weigh: for a disk budget, and to find what no job owns any more.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn sizes(&self) -> Result<Vec<JobFiles>, TransferError> {
        let dir = self.dir.clone();
        off_thread("read", &self.dir, move || {
            let jobs = names_in(&dir)?.into_iter().filter_map(|name| name.parse::<JobId>().ok());
            let weigh = |job: JobId| {
                let job_dir = dir.join(job.as_str());
                let bytes = disk::bytes_below(&job_dir).map_err(TransferError::file("read", &job_dir))?;
                Ok(JobFiles { job, bytes })
            };
            jobs.map(weigh).collect()
        })
        .await
    }

    fn job_dir(&self, job: &JobId) -> PathBuf {
        self.dir.join(job.as_str())
    }

    /// A key is a job id, a number and one plain file name, so the path cannot leave the store.
    fn path(&self, key: &ArtifactKey) -> PathBuf {
        self.dir.join(key.as_str())
    }
}

fn put(source: &Path, dest: &Path) -> Result<u64, TransferError> {
    let found = Source::open(source).map_err(TransferError::file("read", source))?;
    let attempt_dir = durable::folder_of(dest);
    // One after the other, so that each name is on the disk even where the folder was there already.
    disk::private_dir(durable::folder_of(attempt_dir))?;
    disk::private_dir(attempt_dir)?;
    found.keep_as(dest).map_err(TransferError::file("write", dest))
}

/// The names in a folder; none when it is missing.
fn names_in(dir: &Path) -> Result<Vec<String>, TransferError> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(TransferError::file("read", dir))?,
    };
    let name = |entry: io::Result<fs::DirEntry>| {
        entry.map(|entry| entry.file_name().to_string_lossy().into_owned()).map_err(TransferError::file("read", dir))
    };
    entries.map(name).collect()
}

/// Deletes a folder with all it holds, or a file; a link goes, and what it leads to stays.
fn remove(path: &Path) -> Result<(), TransferError> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(TransferError::file("delete", path)(error)),
        _ => Ok(()),
    }
}

/// Runs file work where it cannot hold up the async threads.
async fn off_thread<T: Send + 'static>(
    doing: &'static str,
    dir: &Path,
    work: impl FnOnce() -> Result<T, TransferError> + Send + 'static,
) -> Result<T, TransferError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(TransferError::file(doing, dir)(io::Error::other(error))))
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
