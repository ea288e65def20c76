//! The weights of a folder that transformers saved.

use std::path::{Path, PathBuf};

use engine::tch::{Device, Kind, Tensor};

use crate::error::{ModelError, Result};
use crate::layers::Loader;
use crate::weights::{Part, TensorTable, WeightSource};

/// File names in order of preference.
const FILES: [&str; 2] = ["model.safetensors", "pytorch_model.bin"];

/// One file of weights. Its networks are told apart by names alone.
#[derive(Debug)]
pub(super) struct VisionWeights {
    path: PathBuf,
    table: TensorTable,
}

impl VisionWeights {
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let Some(path) = FILES.iter().map(|name| folder.join(name)).find(|path| path.is_file()) else {
            let reason = format!("it holds no weights; one of {} must be there", FILES.join(", "));
            return Err(ModelError::Format { path: folder.into(), reason });
        };
        Ok(Self { table: TensorTable::open(&path)?, path })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.table.shape(name).is_some()
    }

    /// The root, from which all is read in f32.
    pub(super) fn loader(&self, device: Device) -> Loader<'_> {
        Loader::new(self, Part::TextEncoder, device, Kind::Float)
    }

    fn check(&self, name: &str, expected: &[i64]) -> Result<()> {
        let (path, name) = (self.path.clone(), name.to_owned());
        match self.table.shape(&name) {
            None => Err(ModelError::MissingTensor { path, name }),
            Some(found) if found != expected => {
                Err(ModelError::Shape { path, name, found: found.to_vec(), expected: expected.to_vec() })
            }
            Some(_) => Ok(()),
        }
    }
}

impl WeightSource for VisionWeights {
    fn tensor(&self, _: Part, name: &str, shape: &[i64]) -> Result<Tensor> {
        self.check(name, shape)?;
        self.table.read(name)
    }
}

/// Answers as the weights would, with nothing: whoever builds a network from it knows that all is there, and read none of it.
#[derive(Debug)]
pub(super) struct Outline<'a>(pub(super) &'a VisionWeights);

impl Outline<'_> {
    pub(super) fn loader(&self) -> Loader<'_> {
        Loader::new(self, Part::TextEncoder, Device::Cpu, Kind::Float)
    }
}

impl WeightSource for Outline<'_> {
    fn tensor(&self, _: Part, name: &str, shape: &[i64]) -> Result<Tensor> {
        self.0.check(name, shape)?;
        // One number that looks like many.
        Ok(Tensor::f_zeros([1], (Kind::Float, Device::Cpu))?.f_expand(shape, false)?)
    }
}
