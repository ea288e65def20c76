//! The trained text encoder waits on the disk while the UNet is trained: its half gigabyte of f32 weights is memory that
//! the UNet's optimizer needs more.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use engine::tch::Tensor;
use model::weights::named_tensors::{self, NamedTensorFile, Written};
use tempfile::NamedTempFile;

use crate::error::{Result, TrainingError};

/// What the file's name begins with.
const PREFIX: &str = ".parked-";

/// Named tensors in a temporary file that goes away with this value.
#[derive(Debug)]
pub struct Parked {
    file: NamedTempFile,
    written: Written,
    /// In their order, which the file does not keep.
    names: Vec<String>,
}

impl Parked {
    /// Writes the tensors, bit for bit, to a file in `folder`, and drops them. The system's temporary folder would not do: it
    /// may be small, in memory, or full of what killed jobs left.
    ///
    /// # Errors
    /// When the file cannot be written.
    #[allow(clippy::needless_pass_by_value, reason = "the point is that the tensors are gone afterwards")]
    pub fn park(tensors: Vec<(String, Tensor)>, folder: &Path) -> Result<Self> {
        let failed = |source| TrainingError::Park { folder: folder.to_owned(), source };
        let mut file =
            tempfile::Builder::new().prefix(PREFIX).suffix(".safetensors").tempfile_in(folder).map_err(failed)?;
        let path = file.path().to_owned();
        let written = named_tensors::write(file.as_file_mut(), &path, &tensors, &BTreeMap::new())?;
        Ok(Self { file, written, names: tensors.into_iter().map(|(name, _)| name).collect() })
    }

    /// The tensors again, on the CPU.
    ///
    /// # Errors
    /// When the file cannot be read back.
    pub fn fetch(&self) -> Result<Vec<(String, Tensor)>> {
        let file = NamedTensorFile::open(self.file.path())?;
        self.names.iter().map(|name| Ok((name.clone(), file.tensor(name)?))).collect()
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.file.path()
    }
    /// Length and hash of the file.
    pub fn written(&self) -> &Written {
        &self.written
    }

    /// Removes what killed processes left parked in `folder`, which is this training's own.
    pub(crate) fn remove_leftovers(folder: &Path) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(PREFIX) {
                // What stays goes with the folder.
                drop(fs::remove_file(entry.path()));
            }
        }
    }
}
