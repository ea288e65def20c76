//! A file that is either complete under its name or not there.

use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::error::Result;
use crate::weights::tensor_file::io_error;

/// Lets `fill` write a temporary file in the same folder, syncs it, renames it to `path` and syncs the folder, so that a
/// crash at any moment leaves the old file or the new one. When `fill` fails, the temporary file is removed.
pub(super) fn write(path: &Path, fill: impl FnOnce(&mut File) -> Result<()>) -> Result<()> {
    let fail = |source| io_error(path, source);
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut temporary = tempfile::Builder::new()
        .prefix(".partial-")
        // The usual rights of a new file; the umask takes away what the user does not want.
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)
        .map_err(fail)?;
    fill(temporary.as_file_mut())?;
    temporary.as_file().sync_all().map_err(fail)?;
    temporary.persist(path).map_err(|error| fail(error.error))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(fail)
}
