//! A source of weights with adapters added to them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use engine::tch::{Device, Kind, Tensor};

use super::{Lora, LoraModule};
use crate::error::Result;
use crate::weights::{Part, WeightSource};

/// How strongly an adapter counts in each network; 1 is as it was trained.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Multipliers {
    /// In the text encoder.
    pub text_encoder: f64,
    /// In the UNet.
    pub unet: f64,
}

impl Multipliers {
    /// The same in both.
    #[must_use]
    pub fn both(multiplier: f64) -> Self {
        Self { text_encoder: multiplier, unet: multiplier }
    }

    fn of(self, part: Part) -> f64 {
        match part {
            Part::TextEncoder => self.text_encoder,
            Part::Unet => self.unet,
            Part::Vae => 0.0,
        }
    }
}

/// Answers with the weights of `base`, changed by adapters where they change something. Nothing is computed before a weight
/// is asked for.
pub struct Merged<S> {
    base: S,
    /// A tensor may go from thread to thread, but not be looked at by two at once.
    changes: Mutex<Changes>,
}

/// The modules of each changed weight, with their multipliers.
type Changes = HashMap<(Part, String), Vec<(f64, LoraModule)>>;

impl<S> fmt::Debug for Merged<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Merged").finish_non_exhaustive()
    }
}

impl<S: WeightSource> Merged<S> {
    /// The base alone.
    #[must_use]
    pub fn new(base: S) -> Self {
        Self { base, changes: Mutex::default() }
    }

    /// With `lora` over what is there, as strong as these multipliers say. It shares the adapter's memory.
    #[must_use]
    pub fn with(mut self, lora: &Lora, multipliers: Multipliers) -> Self {
        let changes = self.changes.get_mut().unwrap_or_else(PoisonError::into_inner);
        for (spec, module) in lora.modules() {
            let multiplier = multipliers.of(spec.part);
            if multiplier != 0.0 {
                let of_weight = changes.entry((spec.part, spec.name.clone())).or_default();
                of_weight.push((multiplier, module.shallow_clone()));
            }
        }
        self
    }
}

impl<S: WeightSource> WeightSource for Merged<S> {
    /// A changed weight is f32, so that nothing of the change is lost in a base of fp16.
    fn tensor(&self, part: Part, name: &str, shape: &[i64]) -> Result<Tensor> {
        let weight = self.base.tensor(part, name, shape)?;
        let changes = self.changes_of(part, name);
        if changes.is_empty() {
            return Ok(weight);
        }
        let mut weight = weight.f_to_kind(Kind::Float)?;
        for (multiplier, module) in changes {
            let change = module.change()?.f_to_device(Device::Cpu)?.f_reshape(shape)?;
            weight = weight.f_add(&change.f_mul_scalar(multiplier)?)?;
        }
        Ok(weight)
    }
}

impl<S> Merged<S> {
    fn changes_of(&self, part: Part, name: &str) -> Vec<(f64, LoraModule)> {
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let of_weight = changes.get(&(part, name.to_owned())).into_iter().flatten();
        of_weight.map(|(multiplier, module)| (*multiplier, module.shallow_clone())).collect()
    }
}
