//! Files of named tensors, of any dtype and bit for bit: checkpoints of a training, networks that make room for others.
//!
//! The format is safetensors, which every other program reads, too. libtorch's own readers and writers hold a whole file in
//! memory; here one tensor passes at a time, in pieces.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use engine::tch::{Kind, Tensor};

use super::content::Content;
use super::hashing::Hashing;
pub use super::hashing::sha256_of;
use super::safetensors_file::{LENGTH_BYTES, SafetensorsFile};
use super::safetensors_writer::{Item, Layout};
use super::tensor_file::{TensorFile, format_error, io_error, read_bytes};
use crate::error::Result;

/// What [`write`] wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Length of the file.
    pub bytes: u64,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
}

/// How many bytes [`write`] will write for these tensors, to make room beforehand.
///
/// # Errors
/// As [`write`], but for those of the file.
pub fn length(path: &Path, tensors: &[(String, Tensor)], metadata: &BTreeMap<String, String>) -> Result<u64> {
    let layout = Layout::new(path, items(tensors)?)?;
    Ok(layout.header(metadata)?.len() as u64 + layout.data_bytes())
}

/// Writes `tensors` to `out`, an empty file that will be called `path`, which is for errors alone; making it durable is the
/// caller's. The same tensors and texts give the same bytes, in whatever order they come. Tensors may be on any device and
/// of any layout; beyond them a few megabytes are used.
///
/// # Errors
/// When the file cannot be written, two tensors have one name, or a dtype is none that safetensors knows.
pub fn write(
    out: &mut File,
    path: &Path,
    tensors: &[(String, Tensor)],
    metadata: &BTreeMap<String, String>,
) -> Result<Written> {
    let layout = Layout::new(path, items(tensors)?)?;
    let mut hashing = Hashing::new(BufWriter::new(out));
    hashing.write_all(&layout.header(metadata)?).map_err(|error| io_error(path, error))?;
    layout.write_data(&mut hashing, |index| Ok(tensors[index].1.shallow_clone()))?;
    hashing.flush().map_err(|error| io_error(path, error))?;
    let (_, sha256, bytes) = hashing.finish();
    Ok(Written { bytes, sha256 })
}

pub(super) fn items(tensors: &[(String, Tensor)]) -> Result<Vec<Item>> {
    let item = |(name, tensor): &(String, Tensor)| {
        Ok(Item { name: name.clone(), kind: tensor.f_kind()?, shape: tensor.size() })
    };
    tensors.iter().map(item).collect()
}

/// An opened file of named tensors.
#[derive(Debug)]
pub struct NamedTensorFile(SafetensorsFile);

impl NamedTensorFile {
    /// Opens a safetensors file and reads its table of tensors; the tensors stay where they are.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged, or is of another length than its table says.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| io_error(path, error))?;
        if read_bytes(path, &file, LENGTH_BYTES, 1).is_ok_and(|start| start != b"{") {
            return Err(format_error(path, "it is no safetensors file; save it as one"));
        }
        SafetensorsFile::open(path, Content::File(file)).map(Self)
    }

    /// Every tensor's name, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let mut names = self.0.names();
        names.sort_unstable();
        names
    }

    /// The shape of `name`, or nothing when there is no such tensor.
    #[must_use]
    pub fn shape(&self, name: &str) -> Option<&[i64]> {
        self.0.shape(name)
    }

    /// The dtype of `name`, or nothing when there is no such tensor or libtorch has no such dtype.
    #[must_use]
    pub fn kind(&self, name: &str) -> Option<Kind> {
        self.0.kind(name)
    }

    /// Reads one tensor, on the CPU, contiguous, in the file's dtype.
    ///
    /// # Errors
    /// When it is absent, or the file has become shorter since it was opened.
    pub fn tensor(&self, name: &str) -> Result<Tensor> {
        self.0.read(name)
    }

    /// The texts of its `__metadata__`.
    #[must_use]
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        self.0.metadata()
    }
}
