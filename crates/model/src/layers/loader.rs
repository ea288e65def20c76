//! How a network part finds its weights.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use engine::tch::{Device, Kind, Tensor};

use crate::error::Result;
use crate::weights::{Part, WeightSource};

/// Weights with the names diffusers gives them, such as `down_blocks.0.resnets.0.conv1.weight`.
pub type NamedTensors = Vec<(String, Tensor)>;

/// How many numbers these weights hold together.
#[must_use]
pub fn count_parameters(parameters: &[(String, Tensor)]) -> i64 {
    parameters.iter().map(|(_, tensor)| tensor.size().iter().product::<i64>()).sum()
}

/// A cursor into the weights of one network: a place in its tree of names.
///
/// Clones share one record of the tensors that were read, which becomes the network's list of parameters.
#[derive(Clone)]
pub struct Loader<'a> {
    source: &'a dyn WeightSource,
    part: Part,
    device: Device,
    kind: Kind,
    prefix: String,
    record: Rc<RefCell<NamedTensors>>,
}

impl fmt::Debug for Loader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loader").field("part", &self.part).field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl<'a> Loader<'a> {
    /// The root of `part` in `source`; tensors go to `device` as `kind`.
    #[must_use]
    pub fn new(source: &'a dyn WeightSource, part: Part, device: Device, kind: Kind) -> Self {
        Self { source, part, device, kind, prefix: String::new(), record: Rc::default() }
    }

    /// The child of this name or number.
    #[must_use]
    pub fn at(&self, child: impl fmt::Display) -> Self {
        Self { prefix: self.full_name(child), ..self.clone() }
    }

    /// The dtype that tensors are loaded in.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The tensor `name` of this place, with exactly `shape`, on the device and in the dtype of the load.
    ///
    /// # Errors
    /// When the source lacks it, or it has another shape.
    pub fn tensor(&self, name: &str, shape: &[i64]) -> Result<Tensor> {
        let name = self.full_name(name);
        let tensor = self.source.tensor(self.part, &name, shape)?;
        let tensor = tensor.f_to_device(self.device)?.f_to_kind(self.kind)?;
        self.record.borrow_mut().push((name, tensor.shallow_clone()));
        Ok(tensor)
    }

    /// All tensors read through this loader and its relatives, in order: the parameters of the network.
    #[must_use]
    pub fn into_parameters(self) -> NamedTensors {
        self.record.take()
    }

    fn full_name(&self, child: impl fmt::Display) -> String {
        if self.prefix.is_empty() { child.to_string() } else { format!("{}.{child}", self.prefix) }
    }
}
