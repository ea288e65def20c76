//! What the demo leaves on the disk.

use std::fs;
use std::path::{Path, PathBuf};

use image::RgbImage;

use super::error::DemoError;

/// An empty folder `out`. What an earlier demo left in it is removed, so that nothing old passes for a result.
///
/// # Errors
/// When it cannot be emptied or made.
pub fn empty(out: &Path) -> Result<(), DemoError> {
    if out.exists() {
        fs::remove_dir_all(out).map_err(|source| DemoError::Io { action: "empty", path: out.to_owned(), source })?;
    }
    create(out)
}

/// Makes a folder, unless it is there.
///
/// # Errors
/// When it cannot be made.
pub fn create(folder: &Path) -> Result<(), DemoError> {
    fs::create_dir_all(folder).map_err(|source| DemoError::Io { action: "create", path: folder.to_owned(), source })
}

/// Writes a file.
///
/// # Errors
/// When it cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), DemoError> {
    fs::write(path, bytes).map_err(|source| DemoError::Io { action: "write", path: path.to_owned(), source })
}

/// A path whose ending names a format in which pictures are written: asked before the work, not after.
///
/// # Errors
/// The remedy, for the command line's own sentence.
pub fn picture_file(path: &str) -> Result<PathBuf, String> {
    image::ImageFormat::from_path(path).map_err(|_| "end its name in .png or .jpg".to_owned())?;
    Ok(path.into())
}

/// Writes a picture in the format of the path's ending.
///
/// # Errors
/// When it cannot be written.
pub fn save(picture: &RgbImage, path: &Path) -> Result<(), DemoError> {
    let wrong =
        |error: image::ImageError| DemoError::Picture { name: path.display().to_string(), reason: error.to_string() };
    picture.save(path).map_err(wrong)
}
