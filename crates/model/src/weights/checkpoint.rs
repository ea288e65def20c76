//! A checkpoint written by `torch.save`: its table of tensors, and where each storage's bytes lie in the file.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use engine::tch::Tensor;

use super::pickle::{Arena, Node, StorageView, TensorView, Value, state_dict, text_beside};
use super::tensor_file::{TensorFile, byte_length, format_error, read_bytes, tensor_from_bytes};
use super::{checkpoint_legacy, checkpoint_zip, embedded_config};
use crate::error::{ModelError, Result};

/// Where the bytes of a storage lie.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    /// From the start of the file.
    pub(super) offset: u64,
    /// In bytes.
    pub(super) length: u64,
}

/// What either container holds: the object that was saved, and its storages by key.
#[derive(Debug)]
pub(super) struct Container {
    pub(super) arena: Arena,
    pub(super) root: Value,
    pub(super) storages: HashMap<String, Extent>,
}

/// An opened checkpoint with its table of tensors.
#[derive(Debug)]
pub(super) struct CheckpointFile {
    path: PathBuf,
    file: File,
    tensors: HashMap<String, TensorView>,
    storages: HashMap<String, Extent>,
    model_config: Option<String>,
}

impl CheckpointFile {
    /// The zip archive that PyTorch has written since 1.6.
    pub(super) fn open_zip(path: &Path, file: File) -> Result<Self> {
        let container = checkpoint_zip::read(path, &file)?;
        Self::new(path, file, container)
    }

    /// The row of pickles that PyTorch wrote before 1.6.
    pub(super) fn open_legacy(path: &Path, file: File) -> Result<Self> {
        let container = checkpoint_legacy::read(path, &file)?;
        Self::new(path, file, container)
    }

    fn new(path: &Path, file: File, container: Container) -> Result<Self> {
        let Container { arena, root, storages } = container;
        let tensors = state_dict(&arena, root).map_err(|reason| format_error(path, reason))?;
        for (name, view) in &tensors {
            check_storage(&view.storage, &storages)
                .map_err(|reason| format_error(path, format!("tensor {name} {reason}")))?;
        }
        let model_config = text_beside(&arena, root, embedded_config::KEY).map(str::to_owned);
        Ok(Self { path: path.to_owned(), file, tensors: tensors.into_iter().collect(), storages, model_config })
    }

    /// Reads the elements from the view's first to its last, then lets libtorch put them in order.
    fn read_view(&self, name: &str, view: &TensorView) -> Result<Tensor> {
        let damaged = || format_error(&self.path, format!("tensor {name} lies outside its storage"));
        let kind = view.storage.kind;
        let extent = self.storages.get(&view.storage.key).ok_or_else(damaged)?;
        if byte_length(&view.shape, kind).is_none_or(|length| length > super::tensor_file::MAX_TENSOR_BYTES) {
            return Err(format_error(&self.path, format!("tensor {name} has an absurd shape {:?}", view.shape)));
        }
        let count = span(view).ok_or_else(damaged)?;
        let size = kind.elt_size_in_bytes() as u64;
        let start = u64::try_from(view.offset).ok().and_then(|offset| offset.checked_mul(size)).ok_or_else(damaged)?;
        let length = byte_length(&[count], kind).ok_or_else(damaged)?;
        if start.checked_add(length).is_none_or(|end| end > extent.length) {
            return Err(damaged());
        }
        let bytes = read_bytes(&self.path, &self.file, extent.offset + start, length)?;
        if is_contiguous(view) {
            return tensor_from_bytes(&self.path, &bytes, &view.shape, kind);
        }
        let row = tensor_from_bytes(&self.path, &bytes, &[count], kind)?;
        Ok(row.f_as_strided(view.shape.as_slice(), view.stride.as_slice(), 0)?.f_contiguous()?)
    }
}

impl TensorFile for CheckpointFile {
    fn path(&self) -> &Path {
        &self.path
    }

    fn names(&self) -> Vec<&str> {
        self.tensors.keys().map(String::as_str).collect()
    }

    fn shape(&self, name: &str) -> Option<&[i64]> {
        self.tensors.get(name).map(|view| view.shape.as_slice())
    }

    fn read(&self, name: &str) -> Result<Tensor> {
        match self.tensors.get(name) {
            Some(view) => self.read_view(name, view),
            None => Err(ModelError::MissingTensor { path: self.path.clone(), name: name.to_owned() }),
        }
    }

    fn model_config(&self) -> Option<&str> {
        self.model_config.as_deref()
    }
}

fn check_storage(storage: &StorageView, storages: &HashMap<String, Extent>) -> std::result::Result<(), String> {
    let key = &storage.key;
    let Some(extent) = storages.get(key) else {
        return Err(format!("refers to storage {key}, which the file does not hold"));
    };
    match byte_length(&[storage.elements], storage.kind) {
        Some(length) if length <= extent.length => Ok(()),
        _ => Err(format!("needs {} elements, but storage {key} has {} bytes", storage.elements, extent.length)),
    }
}

/// Elements from the first to the last one of the view.
fn span(view: &TensorView) -> Option<i64> {
    if view.shape.contains(&0) {
        return Some(0);
    }
    let sides = view.shape.iter().zip(&view.stride);
    sides.map(|(&side, &stride)| (side - 1).checked_mul(stride)).try_fold(1_i64, |sum, part| sum.checked_add(part?))
}

/// A tensor without elements may have sides whose product overflows; it counts as any other.
fn is_contiguous(view: &TensorView) -> bool {
    let mut expected = Some(1_i64);
    view.shape.iter().zip(&view.stride).rev().all(|(&side, &stride)| {
        let fits = side <= 1 || Some(stride) == expected;
        expected = expected.and_then(|expected| expected.checked_mul(side.max(1)));
        fits
    })
}

/// The element type of every storage that the pickle mentions.
pub(super) fn storage_views(arena: &Arena) -> impl Iterator<Item = &StorageView> {
    arena.nodes().filter_map(|node| match node {
        Node::Storage(storage) => Some(storage),
        _ => None,
    })
}
