//! The images of a data set, found in the folder its zip was unpacked to, each with its caption.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::caption;
use crate::error::{Result, TrainingError};

/// Most images of one training. Twice the largest sets that users report (400 to 500 images); a zip with more is a
/// mistaken folder, and caching its latents would fill the memory.
pub const IMAGES_MAX: usize = 1000;

/// File name extensions that count as images, in lower case; the original endpoint's list.
const EXTENSIONS: [&str; 3] = ["jpg", "jpeg", "png"];

/// One image of the data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Photo {
    /// Where it lies.
    pub path: PathBuf,
    /// Its path below the data set's folder: what messages and the report call it.
    pub name: PathBuf,
    /// The prompt it is trained with; may be empty.
    pub caption: String,
}

/// The images below `dir` with their captions: `concept_name` as it is when given, else the file name's caption.
///
/// # Errors
/// As [`find_images`]; and when there are more than [`IMAGES_MAX`].
pub fn find_photos(dir: &Path, concept_name: Option<&str>) -> Result<Vec<Photo>> {
    let paths = find_images(dir)?;
    if paths.len() > IMAGES_MAX {
        return Err(TrainingError::TooManyImages { found: paths.len(), most: IMAGES_MAX });
    }
    let photo = |path: PathBuf| Photo {
        name: path.strip_prefix(dir).unwrap_or(&path).to_path_buf(),
        caption: concept_name.map_or_else(|| caption::from_file_name(&path), str::to_owned),
        path,
    };
    Ok(paths.into_iter().map(photo).collect())
}

/// All images below `dir`, at any depth, sorted by path: the order must not depend on the file system, because the seed
/// counts on it.
///
/// Files called `.jpg`, `.jpeg` or `.png` in any case count; `__MACOSX` folders and `._` files (the Finder's shadows of
/// real images) do not. Links are not followed. Equal names in different folders are different images (the original
/// kept only one of them, spec section 1.2).
///
/// # Errors
/// When a folder cannot be read, or when there is no image.
pub fn find_images(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut images = Vec::new();
    let visible = |entry: &walkdir::DirEntry| entry.depth() == 0 || !is_shadow(&entry.file_name().to_string_lossy());
    for entry in WalkDir::new(dir).into_iter().filter_entry(visible) {
        let entry = entry.map_err(|error| TrainingError::Read {
            path: error.path().unwrap_or(dir).to_path_buf(),
            source: error.into(),
        })?;
        if entry.file_type().is_file() && has_image_extension(entry.path()) {
            images.push(entry.into_path());
        }
    }
    if images.is_empty() {
        return Err(TrainingError::NoImages);
    }
    images.sort();
    Ok(images)
}

/// True for what the Finder adds to a zip beside the images.
fn is_shadow(name: &str) -> bool {
    name == "__MACOSX" || name.starts_with("._")
}

fn has_image_extension(path: &Path) -> bool {
    path.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| EXTENSIONS.contains(&extension.to_ascii_lowercase().as_str()))
}
