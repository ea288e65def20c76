//! The folders of fetched models.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Marker;
use crate::{TransferError, disk};

const COMPLETE: &str = "complete.json";

/// Pause between two looks at a lock that someone else holds while downloading gigabytes.
const LOCK_PAUSE: Duration = Duration::from_millis(100);

/// The cached commits of one repository.
pub(super) struct ModelCache {
    dir: PathBuf,
}

impl ModelCache {
    /// `repo` is a checked `owner/name`.
    pub(super) fn new(cache_dir: &Path, repo: &str) -> Self {
        Self { dir: cache_dir.join("hub").join(repo.replace('/', "--")) }
    }

    pub(super) fn folder(&self, commit: &str) -> PathBuf {
        self.dir.join(plain(commit))
    }

    /// The folder of a commit if it is whole.
    pub(super) fn complete_folder(&self, commit: &str) -> Option<PathBuf> {
        let folder = self.folder(commit);
        read_marker(&folder).map(|_| folder)
    }

    /// The folder that a revision meant when last asked, if it is whole and anyone may have it.
    pub(super) fn public_folder(&self, revision: &str) -> Option<PathBuf> {
        let commit = fs::read_to_string(self.reference(revision)).ok()?;
        let folder = self.folder(&commit);
        let marker = read_marker(&folder)?;
        tracing::warn!(repo = marker.repo, commit, "the hub cannot be reached; using the model as it was last fetched");
        marker.public.then_some(folder)
    }

    /// Notes which commit a revision means.
    pub(super) fn remember(&self, revision: &str, commit: &str) -> Result<(), TransferError> {
        let path = self.reference(revision);
        if fs::read_to_string(&path).is_ok_and(|known| known == commit) {
            return Ok(());
        }
        write(&path, commit.as_bytes())
    }

    /// Marks a folder as whole, for good.
    pub(super) fn complete(&self, folder: &Path, marker: &Marker) -> Result<(), TransferError> {
        let path = folder.join(COMPLETE);
        let text =
            serde_json::to_vec_pretty(marker).map_err(|error| TransferError::file("write", &path)(error.into()))?;
        write(&path, &text)
    }

    /// Waits until no other task or process fetches this commit. The lock ends with the returned file, or with the
    /// process.
    pub(super) async fn lock(&self, commit: &str) -> Result<File, TransferError> {
        let path = self.dir.join(format!(".{}.lock", plain(commit)));
        let failed = |error| TransferError::file("lock", &path)(error);
        fs::create_dir_all(&self.dir).map_err(failed)?;
        let file = File::options().create(true).append(true).open(&path).map_err(failed)?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => tokio::time::sleep(LOCK_PAUSE).await,
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
    }

    /// Removes what a killed process left; only under the lock, so nobody is writing it.
    pub(super) fn remove_parts(&self, folder: &Path) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                self.remove_parts(&path);
            } else if path.extension().is_some_and(|extension| extension == "part") {
                let _ = fs::remove_file(path);
            }
        }
    }

    fn reference(&self, revision: &str) -> PathBuf {
        self.dir.join("refs").join(plain(revision))
    }
}

/// A revision as one file name: `refs/pr/1` becomes `refs--pr--1`.
fn plain(revision: &str) -> String {
    revision.replace('/', "--")
}

fn read_marker(folder: &Path) -> Option<Marker> {
    serde_json::from_slice(&fs::read(folder.join(COMPLETE)).ok()?).ok()
}

fn write(path: &Path, text: &[u8]) -> Result<(), TransferError> {
    let part = disk::part_beside(path)?;
    fs::write(part.path(), text).map_err(TransferError::file("write", path))?;
    disk::keep(part, path)
}
