//! Writes models for other programs, in fp16: one file with all three networks under their original names, which
//! AUTOMATIC1111 and ComfyUI load, or a folder as diffusers has it.
//!
//! One function serves a conversion and the end of a training: the weights come from any [`WeightSource`], which is a
//! base model or an [`Overlay`](super::Overlay) of trained networks over one. Tensors are read, halved, written and
//! dropped one at a time, so the memory needed is that of the largest tensor, whatever the model's size.

mod ckpt;
mod diffusers;
mod entries;
mod notes;
mod pickle_writer;
mod pipeline_config;
mod safetensors;

use std::collections::BTreeMap;
use std::path::Path;

use durable::Access;

pub use diffusers::export_diffusers;
use entries::Entry;
pub(super) use entries::half;
pub use notes::ExportNotes;
pub(super) use notes::HASH;
pub(super) use safetensors::write_sealed;

use super::WeightSource;
use super::safetensors_writer::Layout;
use super::tensor_file::{format_error, io_error};
use crate::config::ModelConfig;
use crate::error::Result;

/// The two single-file formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `.safetensors`
    Safetensors,
    /// `.ckpt`, the zip archive of `torch.save`.
    Ckpt,
}

impl Format {
    /// The format that a file name asks for.
    ///
    /// # Errors
    /// When it ends with neither `.safetensors` nor `.ckpt`.
    pub fn of(path: &Path) -> Result<Self> {
        match path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase).as_deref() {
            Some("safetensors") => Ok(Self::Safetensors),
            Some("ckpt") => Ok(Self::Ckpt),
            _ => Err(format_error(path, "its name must end with .safetensors or .ckpt to be written")),
        }
    }
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Length of the file.
    pub bytes: u64,
    /// The hash that the file tells: SHA-256 of the tensors' bytes, in hexadecimal. It names the weights, whatever is
    /// said beside them and in whichever of the two formats.
    pub data_sha256: String,
}

/// Writes the model of `config` with the weights of `source` to `path`, in the format its name asks for, with `notes` in
/// `__metadata__` of a `.safetensors` file or beside `state_dict` in a `.ckpt`.
///
/// The file appears under its name only when it is complete and on disk; what stood there before is replaced at once.
///
/// # Errors
/// When the name ends otherwise, a tensor cannot be read, a weight is no number or beyond fp16, or the file cannot be
/// written.
pub fn export(path: &Path, config: &ModelConfig, source: &dyn WeightSource, notes: &ExportNotes) -> Result<Exported> {
    let format = Format::of(path)?;
    let texts = notes.texts(config).map_err(|reason| format_error(path, reason))?;
    let table = Table::new(path, entries::original(path, config)?, texts)?;
    let mut part = durable::part_beside(path, Access::Usual).map_err(|error| io_error(path, error))?;
    let exported = match format {
        Format::Safetensors => safetensors::write(path, part.as_file_mut(), &table, source)?,
        Format::Ckpt => ckpt::write(path, part.as_file_mut(), &table, source)?,
    };
    durable::keep(part, path).map_err(|error| io_error(path, error))?;
    Ok(exported)
}

/// What a file will hold.
#[derive(Debug)]
struct Table {
    entries: Vec<Entry>,
    /// Where the entries stand, in either format.
    layout: Layout,
    /// What it says beside them, without the hash.
    texts: BTreeMap<String, String>,
}

impl Table {
    fn new(path: &Path, entries: Vec<Entry>, texts: BTreeMap<String, String>) -> Result<Self> {
        let layout = Layout::new(path, entries.iter().map(Entry::item).collect())?;
        Ok(Self { entries, layout, texts })
    }
}

/// The texts of a file whose data has this hash.
fn sealed(texts: &BTreeMap<String, String>, data_sha256: &str) -> BTreeMap<String, String> {
    let mut texts = texts.clone();
    texts.insert(notes::HASH.to_owned(), format!("0x{data_sha256}"));
    texts
}
