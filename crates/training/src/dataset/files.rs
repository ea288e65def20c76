//! Which files below a folder are images.

use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use crate::error::{Result, TrainingError};

/// File name extensions that count as images, in lower case. What a file really is, its content says.
const EXTENSIONS: [&str; 5] = ["jpg", "jpeg", "png", "webp", "bmp"];

/// Extensions of pictures that no decoder here reads; phones write the first ones.
const FOREIGN_EXTENSIONS: [&str; 12] =
    ["heic", "heif", "avif", "gif", "tif", "tiff", "jxl", "jp2", "dng", "cr2", "nef", "arw"];

/// The pictures below a folder, sorted by path.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Files with an image's name.
    pub(super) images: Vec<PathBuf>,
    /// Pictures in formats that are not read.
    pub(super) foreign: Vec<PathBuf>,
}

/// Looks for pictures below `dir`, as [`find_images`].
pub(super) fn find(dir: &Path) -> Result<Found> {
    let mut found = Found::default();
    let visible = |entry: &DirEntry| entry.depth() == 0 || !is_hidden(&entry.file_name().to_string_lossy());
    for entry in WalkDir::new(dir).into_iter().filter_entry(visible) {
        let entry = entry.map_err(|error| TrainingError::Read {
            path: error.path().unwrap_or(dir).to_path_buf(),
            source: error.into(),
        })?;
        if entry.file_type().is_file() && has_extension(entry.path(), &EXTENSIONS) {
            found.images.push(entry.into_path());
        } else if entry.file_type().is_file() && has_extension(entry.path(), &FOREIGN_EXTENSIONS) {
            found.foreign.push(entry.into_path());
        }
    }
    found.images.sort();
    found.foreign.sort();
    Ok(found)
}

/// All images below `dir`, at any depth, sorted by path: the order must not depend on the file system, because the seed
/// counts on it.
///
/// Files called `.jpg`, `.jpeg`, `.png`, `.webp` or `.bmp` in any case count; hidden files and folders and `__MACOSX`
/// (the Finder's shadows of real images) do not. Links are not followed. Equal names in different folders are different
/// images (the original kept only one of them, spec section 1.2).
///
/// # Errors
/// When a folder cannot be read, or when there is no image.
pub fn find_images(dir: &Path) -> Result<Vec<PathBuf>> {
    let images = find(dir)?.images;
    if images.is_empty() { Err(TrainingError::NoImages) } else { Ok(images) }
}

/// True for hidden files, among them `._dog.jpg`, and for the folder that the Finder adds to a zip.
fn is_hidden(name: &str) -> bool {
    name == "__MACOSX" || name.starts_with('.')
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| extensions.contains(&extension.to_ascii_lowercase().as_str()))
}
