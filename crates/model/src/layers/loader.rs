//! How a network part finds its weights.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use engine::tch::{Device, Kind, Tensor};

use super::low_rank::LowRank;
use crate::error::Result;
use crate::options::LoadOptions;
use crate::weights::{Part, WeightSource};

/// Weights with the names diffusers gives them, such as `down_blocks.0.resnets.0.conv1.weight`.
pub type NamedTensors = Vec<(String, Tensor)>;

/// How many numbers these weights hold together.
#[must_use]
pub fn count_parameters(parameters: &[(String, Tensor)]) -> i64 {
    parameters.iter().map(|(_, tensor)| tensor.size().iter().product::<i64>()).sum()
}

/// The tensors of one network, in order of construction.
#[derive(Debug, Default)]
pub struct NetworkTensors {
    /// The weights, by diffusers' names.
    pub parameters: NamedTensors,
    /// The adapter's, by kohya's names; empty without one.
    pub adapter: NamedTensors,
}

/// A cursor into the weights of one network: a place in its tree of names.
///
/// Clones share one record of the tensors that were read, which becomes the network's list of parameters.
#[derive(Clone)]
pub struct Loader<'a> {
    source: &'a dyn WeightSource,
    part: Part,
    device: Device,
    options: LoadOptions,
    prefix: String,
    /// Whether linear layers below this place are what an adapter adapts.
    adaptable: bool,
    record: Rc<RefCell<NetworkTensors>>,
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
        Self::with_options(source, part, device, &LoadOptions::all(kind))
    }

    /// The root of `part` in `source`; tensors go to `device` as `options` say.
    #[must_use]
    pub fn with_options(source: &'a dyn WeightSource, part: Part, device: Device, options: &LoadOptions) -> Self {
        let (prefix, record) = (String::new(), Rc::default());
        Self { source, part, device, options: *options, prefix, adaptable: false, record }
    }

    /// The child of this name or number.
    #[must_use]
    pub fn at(&self, child: impl fmt::Display) -> Self {
        Self { prefix: self.full_name(child), ..self.clone() }
    }

    /// The same place, whose linear layers an adapter adapts.
    #[must_use]
    pub fn adaptable(&self) -> Self {
        Self { adaptable: true, ..self.clone() }
    }

    /// The dtype that weights are loaded in.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.options.dtypes.weights
    }

    /// Whether layers are to be computed again in the backward pass.
    #[must_use]
    pub fn recompute(&self) -> bool {
        self.options.recompute
    }

    /// The tensor `name` of this place, with exactly `shape`, on the device and in the dtype of weights.
    ///
    /// # Errors
    /// When the source lacks it, or it has another shape.
    pub fn tensor(&self, name: &str, shape: &[i64]) -> Result<Tensor> {
        self.tensor_of_kind(name, shape, self.options.dtypes.weights)
    }

    /// As [`Self::tensor`], in the dtype of norms and embedding tables.
    ///
    /// # Errors
    /// As [`Self::tensor`].
    pub fn norm_tensor(&self, name: &str, shape: &[i64]) -> Result<Tensor> {
        self.tensor_of_kind(name, shape, self.options.dtypes.norms)
    }

    /// The adapter of the linear layer at this place whose stored weight has this shape; `None` where there is to be none.
    ///
    /// # Errors
    /// When its rank is not positive.
    pub(super) fn adapter(&self, weight_shape: &[i64]) -> Result<Option<LowRank>> {
        let Some(settings) = self.options.adapter.filter(|_| self.adaptable) else {
            return Ok(None);
        };
        let (adapter, tensors) = LowRank::new(&settings, self.part, &self.prefix, weight_shape, self.device)?;
        self.record.borrow_mut().adapter.extend(tensors);
        Ok(Some(adapter))
    }

    /// All tensors read through this loader and its relatives: those of the network.
    #[must_use]
    pub fn into_tensors(self) -> NetworkTensors {
        self.record.take()
    }

    fn tensor_of_kind(&self, name: &str, shape: &[i64], kind: Kind) -> Result<Tensor> {
        let name = self.full_name(name);
        let tensor = self.source.tensor(self.part, &name, shape)?;
        let tensor = tensor.f_to_device(self.device)?.f_to_kind(kind)?;
        self.record.borrow_mut().parameters.push((name, tensor.shallow_clone()));
        Ok(tensor)
    }

    fn full_name(&self, child: impl fmt::Display) -> String {
        if self.prefix.is_empty() { child.to_string() } else { format!("{}.{child}", self.prefix) }
    }
}
