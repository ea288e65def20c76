//! What "written" means here, and how much room is left.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use tempfile::NamedTempFile;

use crate::TransferError;

/// Space that downloads leave free: the job store on the same disk must go on writing.
pub const FREE_DISK_MARGIN_BYTES: u64 = 512 << 20;

/// An empty temp file beside `dest`, on the same file system; it removes itself unless it is kept.
pub(crate) fn part_beside(dest: &Path) -> Result<NamedTempFile, TransferError> {
    let dir = folder_of(dest);
    fs::create_dir_all(dir).map_err(TransferError::file("create", dir))?;
    tempfile::Builder::new().prefix(".").suffix(".part").tempfile_in(dir).map_err(TransferError::file("write in", dir))
}

/// Makes a temp file the file `dest`: its bytes reach the disk, then its name does. After a crash there is the old
/// file or the new one, never a piece.
pub(crate) fn keep(part: NamedTempFile, dest: &Path) -> Result<(), TransferError> {
    part.as_file().sync_all().map_err(TransferError::file("write", dest))?;
    part.persist(dest).map_err(|error| TransferError::File {
        path: dest.to_owned(),
        doing: "write",
        source: error.error,
    })?;
    sync_folder(folder_of(dest)).map_err(TransferError::file("write", dest))
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// The folder that a file lies in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
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
