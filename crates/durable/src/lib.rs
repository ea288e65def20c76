//! One durable write. Whoever keeps a file keeps it through here: the bytes go to a temporary file in the same folder,
//! they reach the disk (fsync), the file gets its name (rename), and the name reaches the disk (fsync of the folder).
//! After a power cut there is the old file or the new one, whole; never a piece, and never a name without its bytes.
//!
//! - [`write`], [`write_from`]: a new or replaced file, filled by a closure or from a reader
//! - [`write_new`]: a file that is made once, whoever comes first
//! - [`write_linked`]: a file that another call makes under a temporary name, a hard link say
//! - [`part_beside`], [`keep`]: the same in two steps, for bytes that arrive over hours
//! - [`folder_beside`], [`keep_folder`]: the same for a folder with all that is in it
//! - [`create_private_dir`], [`sync_folder`]: folders
//!
//! Everything blocks; asynchronous callers run it on a thread of its own.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

mod folder;

pub use folder::{create_private_dir, folder_beside, folder_of, keep_folder, sync_folder};

/// The extension of a temporary file. What bears it and is in nobody's hands was left by a killed process.
pub const PART_EXTENSION: &str = "part";

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Its owner alone: mode 0600.
    Private,
    /// Whoever the process's umask lets read: mode 0666 less the umask.
    Usual,
}

impl Access {
    fn mode(self) -> u32 {
        match self {
            Self::Private => 0o600,
            Self::Usual => 0o666,
        }
    }
}

/// Makes or replaces the file `target` with what `fill` writes, and returns what `fill` returned. A `fill` that buffers
/// must flush.
///
/// # Errors
/// `fill`'s own, and those of the file system; `target` is then as it was.
pub fn write<T, E: From<io::Error>>(
    target: &Path,
    access: Access,
    fill: impl FnOnce(&mut File) -> Result<T, E>,
) -> Result<T, E> {
    let mut part = part_beside(target, access)?;
    let filled = fill(part.as_file_mut())?;
    keep(part, target)?;
    Ok(filled)
}

/// Makes or replaces the file `target` with all bytes of `source`, and returns how many they were.
///
/// # Errors
/// Those of the source and of the file system; `target` is then as it was.
pub fn write_from(target: &Path, access: Access, source: &mut impl Read) -> io::Result<u64> {
    write(target, access, |file| io::copy(source, file))
}

/// Makes the file `target` unless it is there. Of several processes that do so at once, one wins. Returns whether it was
/// this one.
///
/// # Errors
/// As [`write`].
pub fn write_new(target: &Path, access: Access, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<bool> {
    let mut part = part_beside(target, access)?;
    fill(part.as_file_mut())?;
    part.as_file().sync_all()?;
    match part.persist_noclobber(target) {
        Ok(_) => sync_folder(folder_of(target)).map(|()| true),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error.error),
    }
}

/// Makes or replaces the file `target` with the file that `make` puts at the path it is given: a second name of a file
/// that is there already ([`fs::hard_link`]), so that gigabytes are kept without being copied. `make` may be called
/// again with another path when one is taken, and must then fail with [`io::ErrorKind::AlreadyExists`].
///
/// # Errors
/// `make`'s own, and those of the file system; `target` is then as it was.
pub fn write_linked(target: &Path, make: impl FnMut(&Path) -> io::Result<()>) -> io::Result<()> {
    let folder = folder_of(target);
    let part = part().make_in(folder, make)?;
    File::open(part.path())?.sync_all()?;
    // Renaming one name of a file to another name of the same file does nothing and leaves both.
    if !same_file(part.path(), target)? {
        part.persist(target).map_err(|error| error.error)?;
    }
    sync_folder(folder)
}

/// An empty temporary file in the folder of `target`, which must exist. It removes itself unless it is kept.
///
/// # Errors
/// Those of the file system.
pub fn part_beside(target: &Path, access: Access) -> io::Result<NamedTempFile> {
    part().permissions(fs::Permissions::from_mode(access.mode())).tempfile_in(folder_of(target))
}

/// Makes a temporary file, as it is now, the file `target`.
///
/// # Errors
/// Those of the file system; `target` is then as it was and the temporary file is gone.
pub fn keep(part: NamedTempFile, target: &Path) -> io::Result<()> {
    part.as_file().sync_all()?;
    part.persist(target).map_err(|error| error.error)?;
    sync_folder(folder_of(target))
}

/// Hidden while it is not whole.
fn part() -> Builder<'static, 'static> {
    let mut builder = Builder::new();
    builder.prefix(".").suffix(".part");
    builder
}

fn same_file(path: &Path, target: &Path) -> io::Result<bool> {
    let found = fs::symlink_metadata(path)?;
    Ok(fs::symlink_metadata(target).is_ok_and(|there| (there.dev(), there.ino()) == (found.dev(), found.ino())))
}
