//! The safetensors format: eight bytes of header length, a JSON header, then the tensors without holes.
//!
//! The header is parsed and checked by the `safetensors` crate (offsets in order, no overlap, lengths that fit the shapes).
//! The tensors are read with positioned reads instead of a mapping: a file that shrinks while it is mapped kills the
//! process, and a positioned read costs the same one copy.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::{Path, PathBuf};

use engine::tch::{Kind, Tensor};
use safetensors::Dtype;
use safetensors::tensor::Metadata;
use sha2::{Digest, Sha256};

use super::content::Content;
use super::embedded_config;
use super::tensor_file::{TensorFile, format_error, tensor_from_bytes};
use crate::error::{ModelError, Result};

/// The header's limit in the format's own specification.
const MAX_HEADER_BYTES: u64 = 100_000_000;

/// The eight bytes before the header.
pub(super) const LENGTH_BYTES: u64 = 8;

/// What is hashed at a time.
const PIECE_BYTES: u64 = 1 << 20;

#[derive(Debug)]
struct Entry {
    dtype: Dtype,
    shape: Vec<i64>,
    /// From the start of the file.
    offset: u64,
    length: u64,
}

/// An opened safetensors file with its table of tensors.
#[derive(Debug)]
pub(super) struct SafetensorsFile {
    path: PathBuf,
    content: Content,
    /// Where its tensors begin, and where they end.
    data: Range<u64>,
    entries: HashMap<String, Entry>,
    /// The texts of `__metadata__`.
    metadata: BTreeMap<String, String>,
}

/// ModelSpec's name for what the UNet predicts.
const PREDICTION_KEY: &str = "modelspec.prediction_type";

impl SafetensorsFile {
    /// `path` is where `content` lies, or what it is called.
    pub(super) fn open(path: &Path, content: Content) -> Result<Self> {
        let file_length = content.length(path)?;
        let mut length = [0; LENGTH_BYTES as usize];
        length.copy_from_slice(&content.read(path, 0, LENGTH_BYTES)?);
        let header_length = u64::from_le_bytes(length);
        if header_length > MAX_HEADER_BYTES || header_length > file_length.saturating_sub(LENGTH_BYTES) {
            return Err(format_error(path, "its safetensors header is longer than the file; download it again"));
        }
        let header = content.read(path, LENGTH_BYTES, header_length)?;
        let metadata: Metadata = serde_json::from_slice(&header)
            .map_err(|reason| format_error(path, format!("its safetensors header is damaged: {reason}")))?;
        let data_start = LENGTH_BYTES + header_length;
        let expected = data_start + metadata.data_len() as u64;
        if expected != file_length {
            return Err(format_error(
                path,
                format!("it has {file_length} bytes, but its header describes {expected}; download it again"),
            ));
        }
        let entries = metadata.tensors().into_iter().map(|(name, info)| {
            let (start, end) = info.data_offsets;
            // `Metadata` has checked that the product of the sides is no longer than the file, so each fits an i64.
            let shape = info.shape.iter().map(|&side| i64::try_from(side).unwrap_or(i64::MAX)).collect();
            let entry =
                Entry { dtype: info.dtype, shape, offset: data_start + start as u64, length: (end - start) as u64 };
            (name, entry)
        });
        let texts = metadata.metadata().iter().flatten().map(|(key, text)| (key.clone(), text.clone()));
        Ok(Self {
            path: path.to_owned(),
            data: data_start..file_length,
            entries: entries.collect(),
            metadata: texts.collect(),
            content,
        })
    }

    /// The SHA-256 of the tensors' bytes as they stand in the file, in hexadecimal.
    pub(super) fn data_sha256(&self) -> Result<String> {
        let mut hasher = Sha256::new();
        let mut offset = self.data.start;
        while offset < self.data.end {
            let length = PIECE_BYTES.min(self.data.end - offset);
            hasher.update(self.content.read(&self.path, offset, length)?);
            offset += length;
        }
        Ok(hex::encode(hasher.finalize()))
    }

    pub(super) fn kind(&self, name: &str) -> Option<Kind> {
        kind_of(self.entries.get(name)?.dtype)
    }

    pub(super) fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }
}

impl TensorFile for SafetensorsFile {
    fn path(&self) -> &Path {
        &self.path
    }

    fn names(&self) -> Vec<&str> {
        self.entries.keys().map(String::as_str).collect()
    }

    fn shape(&self, name: &str) -> Option<&[i64]> {
        self.entries.get(name).map(|entry| entry.shape.as_slice())
    }

    fn read(&self, name: &str) -> Result<Tensor> {
        let Some(entry) = self.entries.get(name) else {
            return Err(ModelError::MissingTensor { path: self.path.clone(), name: name.to_owned() });
        };
        let Some(kind) = kind_of(entry.dtype) else {
            let dtype = entry.dtype;
            return Err(format_error(
                &self.path,
                format!("tensor {name} is stored as {dtype}; save it as F16, BF16 or F32"),
            ));
        };
        let bytes = self.content.read(&self.path, entry.offset, entry.length)?;
        tensor_from_bytes(&self.path, &bytes, &entry.shape, kind)
    }

    fn model_config(&self) -> Option<&str> {
        self.metadata.get(embedded_config::KEY).map(String::as_str)
    }

    fn prediction_type(&self) -> Option<&str> {
        self.metadata.get(PREDICTION_KEY).map(String::as_str)
    }
}

fn kind_of(dtype: Dtype) -> Option<Kind> {
    Some(match dtype {
        Dtype::F64 => Kind::Double,
        Dtype::F32 => Kind::Float,
        Dtype::F16 => Kind::Half,
        Dtype::BF16 => Kind::BFloat16,
        Dtype::I64 => Kind::Int64,
        Dtype::I32 => Kind::Int,
        Dtype::I16 => Kind::Int16,
        Dtype::I8 => Kind::Int8,
        Dtype::U8 => Kind::Uint8,
        Dtype::BOOL => Kind::Bool,
        _ => return None,
    })
}
