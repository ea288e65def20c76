//! Writes one file with all three networks under their original names, in fp16: what AUTOMATIC1111 and ComfyUI load.
//!
//! One function serves a conversion and the end of a training: the weights come from any [`WeightSource`], which is a
//! base model or an [`Overlay`](super::Overlay) of trained networks over one. Tensors are read, halved, written and
//! dropped one at a time, so the memory needed is that of the largest tensor, whatever the model's size.

mod ckpt;
mod pickle_writer;
mod safetensors;

use std::io::Write;
use std::path::Path;

use durable::Access;
use engine::tch::{Kind, Tensor};

use super::key_map::{KeyMap, POSITION_IDS, is_vae_attention_weight};
use super::tensor_file::{byte_length, format_error, io_error};
use super::{Part, TensorSpec, WeightSource, embedded_config, inventory};
use crate::config::ModelConfig;
use crate::error::{ModelError, Result};

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

/// Writes the model of `config` with the weights of `source` to `path`, in the format its name asks for.
///
/// The file appears under its name only when it is complete and on disk; what stood there before is replaced at once.
///
/// # Errors
/// When the name ends otherwise, a tensor cannot be read, a weight is no number or beyond fp16, or the file cannot be
/// written.
pub fn export(path: &Path, config: &ModelConfig, source: &dyn WeightSource) -> Result<()> {
    let format = Format::of(path)?;
    let config_text = embedded_config::write(config).map_err(|reason| format_error(path, reason))?;
    let table = Table { entries: entries(path, config)?, config: config_text };
    let mut part = durable::part_beside(path, Access::Usual).map_err(|error| io_error(path, error))?;
    match format {
        Format::Safetensors => safetensors::write(path, part.as_file_mut(), &table, source)?,
        Format::Ckpt => ckpt::write(path, part.as_file_mut(), &table, source)?,
    }
    durable::keep(part, path).map_err(|error| io_error(path, error))
}

/// What a file will hold.
#[derive(Debug)]
struct Table {
    entries: Vec<Entry>,
    /// The text under [`embedded_config::KEY`].
    config: String,
}

/// One tensor of the file to be.
#[derive(Debug)]
struct Entry {
    /// Its original name.
    key: String,
    /// Its shape in the file.
    shape: Vec<i64>,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// A weight of the model, in fp16.
    Weight(TensorSpec),
    /// 0, 1, 2, .. in int64.
    PositionIds,
}

impl Entry {
    fn kind(&self) -> Kind {
        match self.content {
            Content::Weight(_) => Kind::Half,
            Content::PositionIds => Kind::Int64,
        }
    }

    fn byte_length(&self) -> u64 {
        // The shapes were checked when libtorch made tensors of them.
        byte_length(&self.shape, self.kind()).unwrap_or(0)
    }

    /// The contents, little-endian and contiguous; `buffer` is reused from tensor to tensor.
    fn read(&self, source: &dyn WeightSource, buffer: &mut Vec<u8>) -> Result<()> {
        let tensor = match &self.content {
            Content::Weight(spec) => half(&self.key, &source.tensor(spec.part, &spec.name, &spec.shape)?)?,
            Content::PositionIds => {
                let count: i64 = self.shape.iter().product();
                Tensor::f_arange(count, (Kind::Int64, engine::tch::Device::Cpu))?
            }
        };
        buffer.clear();
        buffer.resize(usize::try_from(self.byte_length()).unwrap_or(0), 0);
        tensor.f_contiguous()?.f_copy_data_u8(buffer, tensor.numel())?;
        Ok(())
    }
}

/// The weights of `name` in fp16. What fp16 cannot hold would become infinite, and every picture black.
fn half(name: &str, weights: &Tensor) -> Result<Tensor> {
    let halves = weights.f_to_kind(Kind::Half)?;
    if halves.numel() == 0 {
        return Ok(halves);
    }
    let (least, greatest) = halves.f_aminmax(None, false)?;
    // A value that is no number makes both of them none.
    if least.f_double_value(&[])?.is_finite() && greatest.f_double_value(&[])?.is_finite() {
        return Ok(halves);
    }
    let largest = weights.f_to_kind(Kind::Float)?.f_abs()?.f_max()?.f_double_value(&[])?;
    Err(if largest.is_finite() {
        ModelError::BeyondHalf { name: name.to_owned(), largest }
    } else {
        ModelError::NotFinite { name: name.to_owned() }
    })
}

/// UNet, text encoder, VAE; the position ids stand with the text encoder.
fn entries(path: &Path, config: &ModelConfig) -> Result<Vec<Entry>> {
    let keys = KeyMap::new(config);
    let mut entries = Vec::new();
    for spec in inventory(config)? {
        let Some(key) = keys.original(spec.part, &spec.name) else {
            return Err(format_error(path, format!("tensor {} has no name in single-file checkpoints", spec.name)));
        };
        if spec.part == Part::TextEncoder && !entries.iter().any(|entry: &Entry| entry.key == POSITION_IDS) {
            let shape = vec![1, config.text.max_position_embeddings];
            entries.push(Entry { key: POSITION_IDS.to_owned(), shape, content: Content::PositionIds });
        }
        let shape = match spec.shape.as_slice() {
            &[outputs, inputs] if is_vae_attention_weight(spec.part, &spec.name) => vec![outputs, inputs, 1, 1],
            shape => shape.to_vec(),
        };
        entries.push(Entry { key, shape, content: Content::Weight(spec) });
    }
    Ok(entries)
}

/// Streams the contents of every entry into `out`.
fn write_contents<'a>(
    path: &Path,
    out: &mut dyn Write,
    entries: impl Iterator<Item = &'a Entry>,
    source: &dyn WeightSource,
) -> Result<()> {
    let mut buffer = Vec::new();
    for entry in entries {
        entry.read(source, &mut buffer)?;
        out.write_all(&buffer).map_err(|error| io_error(path, error))?;
    }
    Ok(())
}
