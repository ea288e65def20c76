//! Keeps the cache within its budget: the model that was not asked for the longest goes first.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::cache;
use crate::{TransferError, disk};

/// One commit's folder, whole or begun.
struct Cached {
    folder: PathBuf,
    bytes: u64,
    last_use: SystemTime,
}

/// Deletes models, least recently used first, until the cache weighs at most `budget_bytes`, and returns how many bytes
/// went. The folder `keep` stays, and so does every model that someone fetches or uses ([`super::HubFolder`]), in this
/// process or another, so that the cache may stay above its budget. Blocking.
///
/// # Errors
/// When the cache cannot be read or a model not deleted.
pub fn evict(cache_dir: &Path, budget_bytes: u64, keep: &Path) -> Result<u64, TransferError> {
    let mut models = cached(&cache::repositories(cache_dir))?;
    models.sort_by_key(|model| model.last_use);
    let total: u64 = models.iter().map(|model| model.bytes).sum();
    let mut freed = 0;
    for model in models {
        if total - freed <= budget_bytes {
            break;
        }
        if !same_folder(&model.folder, keep) && delete(&model.folder)? {
            tracing::info!(folder = %model.folder.display(), bytes = model.bytes, "a model left the cache");
            freed += model.bytes;
        }
    }
    Ok(freed)
}

/// Deletes a model unless it is in use.
fn delete(folder: &Path) -> Result<bool, TransferError> {
    let Some(_alone) = cache::try_lock_alone(folder)? else { return Ok(false) };
    if !folder.is_dir() {
        // Another eviction was faster.
        return Ok(false);
    }
    // First the mark: a power cut in the middle must not leave a folder that calls itself whole.
    cache::unmark(folder).and_then(|()| fs::remove_dir_all(folder)).map_err(TransferError::file("delete", folder))?;
    Ok(true)
}

fn cached(repositories: &Path) -> Result<Vec<Cached>, TransferError> {
    let mut models = Vec::new();
    for repository in folders_in(repositories)? {
        for folder in folders_in(&repository)?.into_iter().filter(|folder| !folder.ends_with(cache::REFERENCES)) {
            let bytes = disk::bytes_below(&folder).map_err(TransferError::file("read", &folder))?;
            models.push(Cached { last_use: cache::last_use(&folder), folder, bytes });
        }
    }
    Ok(models)
}

/// The folders in a folder; none when it is missing.
fn folders_in(dir: &Path) -> Result<Vec<PathBuf>, TransferError> {
    let list = || -> io::Result<Vec<PathBuf>> {
        let mut folders = Vec::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            }
        }
        Ok(folders)
    };
    match list() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed.map_err(TransferError::file("read", dir)),
    }
}

fn same_folder(folder: &Path, keep: &Path) -> bool {
    folder == keep || fs::canonicalize(folder).ok().zip(fs::canonicalize(keep).ok()).is_some_and(|(a, b)| a == b)
}
