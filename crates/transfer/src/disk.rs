//! Files on their way to the disk ([`durable`] puts them there), and how much room is left.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use durable::Access;
use tempfile::{NamedTempFile, TempPath};

use crate::TransferError;

/// Space that downloads leave free: the job store on the same disk must go on writing.
pub const FREE_DISK_MARGIN_BYTES: u64 = 512 << 20;

/// An empty, private temp file beside `dest`; it removes itself unless it is kept. The folder is made, private too, when
/// it is missing.
pub(crate) fn part_beside(dest: &Path) -> Result<NamedTempFile, TransferError> {
    let dir = durable::folder_of(dest);
    if !dir.is_dir() {
        private_dir(dir)?;
    }
    durable::part_beside(dest, Access::Private).map_err(TransferError::file("write in", dir))
}

/// The private file that gathers the bytes of `dest` with this sha256, and stays until it is kept: as it was left, or new
/// and empty. For whoever has the folder to himself.
pub(crate) fn lasting_part(dest: &Path, sha256: &str) -> Result<NamedTempFile, TransferError> {
    let path = lasting_part_of(dest, sha256);
    let dir = durable::folder_of(dest);
    if !dir.is_dir() {
        private_dir(dir)?;
    }
    let mut options = File::options();
    let opened = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = opened.map_err(TransferError::file("write in", dir))?;
    let path = TempPath::try_from_path(path).map_err(TransferError::file("write in", dir))?;
    let mut part = NamedTempFile::from_parts(file, path);
    part.disable_cleanup(true);
    Ok(part)
}

/// Its path.
pub(crate) fn lasting_part_of(dest: &Path, sha256: &str) -> PathBuf {
    let name = dest.file_name().unwrap_or_default().to_string_lossy();
    dest.with_file_name(format!(".{name}.{sha256}.{}", durable::PART_EXTENSION))
}

/// A folder for its owner alone.
pub(crate) fn private_dir(dir: &Path) -> Result<(), TransferError> {
    durable::create_private_dir(dir).map_err(TransferError::file("create", dir))
}

/// The bytes of all files below a folder; no link is followed, and what vanishes meanwhile does not count.
pub(crate) fn bytes_below(dir: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            match entry.metadata() {
                Ok(found) if found.is_dir() => folders.push(entry.path()),
                Ok(found) => bytes += found.len(),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(bytes)
}

/// Refuses `needed_bytes` more in `dir` when they would eat into [`FREE_DISK_MARGIN_BYTES`]; `file` names them in the
/// sentence. A file system that does not tell its free space is taken at its word when it is full.
///
/// # Errors
/// When there is too little room.
pub fn check_room(dir: &Path, file: &str, needed_bytes: u64) -> Result<(), TransferError> {
    let Ok(stat) = rustix::fs::statvfs(dir) else { return Ok(()) };
    let free_bytes = stat.f_bavail.saturating_mul(stat.f_frsize).saturating_sub(FREE_DISK_MARGIN_BYTES);
    if needed_bytes <= free_bytes {
        return Ok(());
    }
    Err(TransferError::DiskFull { file: file.to_owned(), needed_bytes, free_bytes })
}
