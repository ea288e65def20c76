//! Weights in several files, as `save_pretrained` splits large networks, with an index that says which tensor is in which.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use engine::tch::Tensor;
use serde::Deserialize;

use super::tensor_file::{TensorFile, format_error, io_error, open};
use crate::error::{ModelError, Result};

/// Longest index that is read; one of 2,500 tensors has 0.3 MB.
const MAX_INDEX_BYTES: u64 = 16 << 20;

/// Most files of one network; a file stays open while the model does.
const MAX_SHARDS: usize = 100;

/// `*.index.json`; what else stands in it is not needed.
#[derive(Deserialize)]
struct Index {
    /// The file of each tensor, beside the index.
    weight_map: HashMap<String, String>,
}

/// Several files that look like one.
#[derive(Debug)]
pub(super) struct Shards {
    index: PathBuf,
    files: Vec<Box<dyn TensorFile>>,
    /// Which file has each tensor.
    places: HashMap<String, usize>,
}

impl Shards {
    /// Opens the index at `path` and every file that it names.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let index = read_index(path)?;
        let mut names: Vec<&String> = index.weight_map.values().collect();
        names.sort_unstable();
        names.dedup();
        if names.len() > MAX_SHARDS {
            return Err(format_error(path, format!("it names {} files; at most {MAX_SHARDS} are read", names.len())));
        }
        let files = names.iter().map(|name| open(&beside(path, name)?)).collect::<Result<Vec<_>>>()?;
        let mut places = HashMap::with_capacity(index.weight_map.len());
        for (tensor, name) in &index.weight_map {
            let Ok(place) = names.binary_search(&name) else { continue };
            if files[place].shape(tensor).is_none() {
                return Err(ModelError::MissingTensor { path: files[place].path().to_owned(), name: tensor.clone() });
            }
            places.insert(tensor.clone(), place);
        }
        Ok(Self { index: path.to_owned(), files, places })
    }

    fn file_of(&self, name: &str) -> Option<&dyn TensorFile> {
        self.files.get(*self.places.get(name)?).map(AsRef::as_ref)
    }
}

impl TensorFile for Shards {
    fn path(&self) -> &Path {
        &self.index
    }

    fn names(&self) -> Vec<&str> {
        self.places.keys().map(String::as_str).collect()
    }

    fn shape(&self, name: &str) -> Option<&[i64]> {
        self.file_of(name)?.shape(name)
    }

    fn read(&self, name: &str) -> Result<Tensor> {
        match self.file_of(name) {
            Some(file) => file.read(name),
            None => Err(ModelError::MissingTensor { path: self.index.clone(), name: name.to_owned() }),
        }
    }

    /// A folder's configuration stands in its own files.
    fn model_config(&self) -> Option<&str> {
        None
    }
}

fn read_index(path: &Path) -> Result<Index> {
    let file = File::open(path).map_err(|source| io_error(path, source))?;
    let mut text = Vec::new();
    file.take(MAX_INDEX_BYTES).read_to_end(&mut text).map_err(|source| io_error(path, source))?;
    serde_json::from_slice(&text).map_err(|error| format_error(path, format!("its weight_map cannot be read: {error}")))
}

/// A file named by the index lies beside it: the name is no path that could lead elsewhere.
fn beside(index: &Path, name: &str) -> Result<PathBuf> {
    let is_plain = Path::new(name).file_name().is_some_and(|file| file == name);
    if !is_plain {
        return Err(format_error(index, format!("it names the file {name:?}, which is not one beside it")));
    }
    Ok(index.with_file_name(name))
}
