//! Folders: their names made durable, their content private.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use tempfile::TempDir;

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

/// An empty temporary folder beside `target`, in a folder that must exist; its rights follow the umask. It removes itself
/// with all that is in it unless it is kept.
///
/// # Errors
/// Those of the file system.
pub fn folder_beside(target: &Path) -> io::Result<TempDir> {
    crate::part().permissions(fs::Permissions::from_mode(0o777)).tempdir_in(folder_of(target))
}

/// Makes a temporary folder, with all that is in it now, the folder `target`. What stood there is moved aside first and
/// removed afterwards: between the two there is no folder of that name, but never half of one.
///
/// # Errors
/// Those of the file system; `target` is then as it was and the temporary folder is gone.
pub fn keep_folder(part: TempDir, target: &Path) -> io::Result<()> {
    sync_tree(part.path())?;
    let aside = folder_beside(target)?;
    let old = aside.path().join("old");
    let had_old = match fs::rename(target, &old) {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(error),
    };
    if let Err(error) = fs::rename(part.path(), target) {
        if had_old {
            fs::rename(&old, target)?;
        }
        return Err(error);
    }
    // It has its name now, and must not go with the temporary one.
    let _kept = part.keep();
    sync_folder(folder_of(target))
}

/// Brings every file and every name in a folder to the disk.
fn sync_tree(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_tree(&entry.path())?;
        } else {
            File::open(entry.path())?.sync_all()?;
        }
    }
    sync_folder(dir)
}
