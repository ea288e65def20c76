//! Trained networks over the model they were trained from: what an export after training reads.

use std::collections::HashMap;
use std::fmt;

use engine::tch::Tensor;

use super::{Part, WeightSource};
use crate::error::{ModelError, Result};

/// Answers with trained tensors where a part was trained, and with the base's everywhere else.
///
/// The trained tensors are handles to the networks' own memory, so an overlay costs none.
pub struct Overlay<'a> {
    base: &'a dyn WeightSource,
    trained: HashMap<Part, HashMap<String, Tensor>>,
}

impl fmt::Debug for Overlay<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Overlay").field("trained", &self.trained.keys()).finish_non_exhaustive()
    }
}

impl<'a> Overlay<'a> {
    /// The base alone.
    #[must_use]
    pub fn new(base: &'a dyn WeightSource) -> Self {
        Self { base, trained: HashMap::new() }
    }

    /// With `part` taken from `parameters`, as a network gives them out.
    #[must_use]
    pub fn with(mut self, part: Part, parameters: &[(String, Tensor)]) -> Self {
        let tensors = parameters.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone()));
        self.trained.insert(part, tensors.collect());
        self
    }
}

impl WeightSource for Overlay<'_> {
    /// A trained tensor comes from whatever device it lives on, detached from training.
    fn tensor(&self, part: Part, name: &str, shape: &[i64]) -> Result<Tensor> {
        let Some(tensors) = self.trained.get(&part) else {
            return self.base.tensor(part, name, shape);
        };
        let Some(tensor) = tensors.get(name) else {
            return Err(ModelError::NotTrained(name.to_owned()));
        };
        let found = tensor.size();
        if found != shape {
            return Err(ModelError::TrainedShape { name: name.to_owned(), found, expected: shape.to_vec() });
        }
        Ok(tensor.f_detach()?.f_to_device(engine::tch::Device::Cpu)?)
    }
}
