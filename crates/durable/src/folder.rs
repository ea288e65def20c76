//! Folders: their names made durable, their content private.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

/// Rights of everyone but the owner.
const OTHERS: u32 = 0o077;

/// Makes the names in a folder survive a power cut.
///
/// # Errors
/// Those of the file system.
pub fn sync_folder(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// The folder that a file lies in.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}

/// Makes a folder that its owner alone may enter (mode 0700), and what is missing of the folders above it likewise; when
/// this returns, their names survive a power cut. A folder that is there already loses the rights of others, unless it
/// belongs to someone else, who then decides.
///
/// # Errors
/// Those of the file system; also when a file is in the way.
pub fn create_private_dir(dir: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => take_from_others(dir)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // A path without a folder above it cannot be helped.
            let above = dir.parent().filter(|above| !above.as_os_str().is_empty()).ok_or(error)?;
            create_private_dir(above)?;
            return create_private_dir(dir);
        }
        Err(error) => return Err(error),
    }
    sync_folder(folder_of(dir))
}

fn take_from_others(dir: &Path) -> io::Result<()> {
    let found = fs::metadata(dir)?;
    if !found.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    let mode = found.permissions().mode();
    if mode & OTHERS == 0 {
        return Ok(());
    }
    match fs::set_permissions(dir, fs::Permissions::from_mode(mode & !OTHERS)) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        outcome => outcome,
    }
}
