//! The folders of fetched models, and who may use or change them when.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use durable::Access;

use super::Marker;
use crate::{TransferError, disk};

const COMPLETE: &str = "complete.json";
/// The folder of a repository that holds no model but what its revisions mean.
pub(super) const REFERENCES: &str = "refs";

/// Pause between two looks at a lock that someone else holds while downloading gigabytes.
const LOCK_PAUSE: Duration = Duration::from_millis(100);

/// A model's folder. As long as this lives, nobody deletes it.
#[derive(Debug)]
pub struct HubFolder {
    path: PathBuf,
    /// Shared with all who use the folder; the system gives it back when the process dies.
    _lock: File,
}

impl HubFolder {
    /// Where the model lies.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The folder of all repositories.
pub(super) fn repositories(cache_dir: &Path) -> PathBuf {
    cache_dir.join("hub")
}

/// The cached commits of one repository.
pub(super) struct ModelCache {
    dir: PathBuf,
}

impl ModelCache {
    /// `repo` is a checked `owner/name`.
    pub(super) fn open(cache_dir: &Path, repo: &str) -> Result<Self, TransferError> {
        let all = repositories(cache_dir);
        disk::private_dir(&all)?;
        let dir = all.join(repo.replace('/', "--"));
        disk::private_dir(&dir)?;
        Ok(Self { dir })
    }

    pub(super) fn folder(&self, commit: &str) -> PathBuf {
        self.dir.join(plain(commit))
    }

    pub(super) fn is_complete(&self, commit: &str) -> bool {
        read_marker(&self.folder(commit)).is_some()
    }

    /// The folder of a commit if it is whole; it counts as used now.
    pub(super) async fn hand_out(&self, commit: &str) -> Result<Option<HubFolder>, TransferError> {
        let folder = self.folder(commit);
        let lock = lock(&folder, File::try_lock_shared).await?;
        if read_marker(&folder).is_none() {
            return Ok(None);
        }
        if let Err(error) = mark_used(&folder, SystemTime::now()) {
            tracing::warn!(folder = %folder.display(), %error, "the use of a model could not be noted");
        }
        Ok(Some(HubFolder { path: folder, _lock: lock }))
    }

    /// The folder that a revision meant when last asked, if it is whole and anyone may have it.
    pub(super) async fn public_folder(&self, revision: &str) -> Result<Option<HubFolder>, TransferError> {
        let Ok(commit) = fs::read_to_string(self.reference(revision)) else { return Ok(None) };
        let Some(marker) = read_marker(&self.folder(&commit)).filter(|marker| marker.public) else { return Ok(None) };
        tracing::warn!(repo = marker.repo, commit, "the hub cannot be reached; using the model as it was last fetched");
        self.hand_out(&commit).await
    }

    /// Notes which commit a revision means.
    pub(super) fn remember(&self, revision: &str, commit: &str) -> Result<(), TransferError> {
        let path = self.reference(revision);
        if fs::read_to_string(&path).is_ok_and(|known| known == commit) {
            return Ok(());
        }
        disk::private_dir(durable::folder_of(&path))?;
        write(&path, commit.as_bytes())
    }

    /// Marks a folder as whole, for good.
    pub(super) fn complete(&self, folder: &Path, marker: &Marker) -> Result<(), TransferError> {
        let path = folder.join(COMPLETE);
        let text =
            serde_json::to_vec_pretty(marker).map_err(|error| TransferError::file("write", &path)(error.into()))?;
        write(&path, &text)
    }

    /// Waits until no other task or process fetches, deletes or uses this commit. The lock ends with the returned file,
    /// or with the process.
    pub(super) async fn lock_alone(&self, commit: &str) -> Result<File, TransferError> {
        lock(&self.folder(commit), File::try_lock).await
    }

    fn reference(&self, revision: &str) -> PathBuf {
        self.dir.join(REFERENCES).join(plain(revision))
    }
}

/// Removes what killed processes left in a folder, but for the parts to `keep`; only under the lock, so nobody is writing.
pub(super) fn remove_parts(folder: &Path, keep: &[PathBuf]) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            remove_parts(&path, keep);
        } else if path.extension().is_some_and(|extension| extension == durable::PART_EXTENSION)
            && !keep.contains(&path)
        {
            let _ = fs::remove_file(path);
        }
    }
}

/// A revision as one file name: `refs/pr/1` becomes `refs--pr--1`.
fn plain(revision: &str) -> String {
    revision.replace('/', "--")
}

/// Waits until `take` gets the lock of a model's folder. A caller that is dropped while it waits takes nothing.
async fn lock(folder: &Path, take: fn(&File) -> Result<(), TryLockError>) -> Result<File, TransferError> {
    let file = open_lock(folder)?;
    loop {
        match take(&file) {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(LOCK_PAUSE).await,
            Err(TryLockError::Error(error)) => return Err(TransferError::file("lock", folder)(error)),
        }
    }
}

/// The lock of a folder if nobody has it; `None` when someone fetches or uses the model.
pub(super) fn try_lock_alone(folder: &Path) -> Result<Option<File>, TransferError> {
    let file = open_lock(folder)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(TransferError::file("lock", folder)(error)),
    }
}

/// The lock lies beside the folder and is never removed: two files of one name would be two locks.
fn open_lock(folder: &Path) -> Result<File, TransferError> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let path = folder.with_file_name(format!(".{name}.lock"));
    File::options().create(true).append(true).open(&path).map_err(TransferError::file("lock", &path))
}

fn read_marker(folder: &Path) -> Option<Marker> {
    serde_json::from_slice(&fs::read(folder.join(COMPLETE)).ok()?).ok()
}

fn mark_used(folder: &Path, now: SystemTime) -> std::io::Result<()> {
    File::options().append(true).open(folder.join(COMPLETE))?.set_modified(now)
}

/// When a model was last handed out, or, of one that never became whole, last worked on.
pub(super) fn last_use(folder: &Path) -> SystemTime {
    let changed = |path: &Path| fs::metadata(path).and_then(|found| found.modified()).ok();
    changed(&folder.join(COMPLETE)).or_else(|| changed(folder)).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Takes the mark of being whole from a folder, for good.
pub(super) fn unmark(folder: &Path) -> std::io::Result<()> {
    match fs::remove_file(folder.join(COMPLETE)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => durable::sync_folder(folder),
    }
}

fn write(path: &Path, mut text: &[u8]) -> Result<(), TransferError> {
    durable::write_from(path, Access::Private, &mut text).map(|_| ()).map_err(TransferError::file("write", path))
}
