//! The model that stays loaded between jobs. Loading Stable Diffusion takes longer than drawing a picture on a GPU.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use model::{BaseModel, ModelReference, RandomConfig};
use txt2img::Pipeline;

use crate::compute::Compute;
use crate::error::Result;

/// Folders below a model's own in which its files may lie: `unet/…`.
const DEPTH_MAX: usize = 2;

/// The last model that was drawn with, if any.
#[derive(Debug, Default)]
pub struct Warm {
    kept: Option<(Key, Pipeline)>,
    loads: u64,
}

/// What must be the same for a loaded model to be the one that is asked for.
#[derive(Debug, PartialEq)]
struct Key {
    reference: String,
    /// Path, length and time of change of each of its files, in the paths' order.
    files: Vec<(PathBuf, u64, Option<SystemTime>)>,
    compute: Compute,
}

impl Warm {
    /// The model, ready to draw: the one that is loaded if it is the same, else it is loaded in its place.
    ///
    /// # Errors
    /// When the model cannot be opened or loaded; then none is kept.
    pub fn pipeline(&mut self, reference: &ModelReference, compute: Compute) -> Result<&Pipeline> {
        let key = Key { reference: reference.to_string(), files: files_of(reference), compute };
        let kept = match self.kept.take().filter(|(kept, _)| *kept == key) {
            Some(kept) => kept,
            // Two models at once may be more than the device holds: the old one is gone by now.
            None => {
                self.loads += 1;
                (key, Pipeline::load(&BaseModel::open(reference)?, compute.device, compute.precision)?)
            }
        };
        Ok(&self.kept.insert(kept).1)
    }

    /// Frees the model's memory.
    pub fn cool(&mut self) {
        self.kept = None;
    }

    /// How often a model had to be loaded.
    pub fn loads(&self) -> u64 {
        self.loads
    }
}

fn files_of(reference: &ModelReference) -> Vec<(PathBuf, u64, Option<SystemTime>)> {
    let mut files = Vec::new();
    match reference {
        ModelReference::File(path)
        | ModelReference::EmaFile(path)
        | ModelReference::Folder(path)
        | ModelReference::Random { config: RandomConfig::Folder(path), .. } => list(path, DEPTH_MAX, &mut files),
        ModelReference::Mini | ModelReference::Hub { .. } | ModelReference::Random { .. } => {}
    }
    files.sort();
    files
}

/// What cannot be looked at is left out: opening the model will say so.
fn list(path: &Path, depth: usize, files: &mut Vec<(PathBuf, u64, Option<SystemTime>)>) {
    let Ok(found) = fs::metadata(path) else { return };
    if !found.is_dir() {
        files.push((path.to_owned(), found.len(), found.modified().ok()));
    } else if depth > 0 {
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            list(&entry.path(), depth - 1, files);
        }
    }
}
