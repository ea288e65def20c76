//! Moving averages of weights (Polyak and Juditsky, 1992), warmed up as latent diffusion's `LitEma` does.

use tch::Tensor;

use crate::error::{EngineError, Result};
use crate::ffi;
use crate::gradients::no_grad;
use crate::parameter::Parameter;

/// Exponential moving averages of masters: average ← d · average + (1 − d) · weight after each step, where
/// d = min(decay, (1 + k) / (10 + k)) at the k-th update, from 1. So the first steps do not weigh as much as the last.
#[derive(Debug)]
pub struct Ema {
    /// By the parameters' names; f32, on their device.
    averages: Vec<(String, Tensor)>,
    decay: f64,
    updates: i64,
}

/// What the number of updates is called in the state.
const UPDATES: &str = "ema_updates";

impl Ema {
    /// Averages that start as the weights are now.
    ///
    /// # Errors
    /// When memory is short.
    pub fn new(parameters: &[Parameter], decay: f64) -> Result<Self> {
        let copy = |parameter: &Parameter| {
            let master = parameter.master();
            // Of the same layout, so that updates walk both alike.
            let average = no_grad(|| {
                let mut average = master.f_empty_like()?;
                average.f_copy_(master).map(|()| average)
            })?;
            Ok((parameter.name().to_owned(), average))
        };
        let averages = parameters.iter().map(copy).collect::<Result<_>>()?;
        Ok(Self { averages, decay, updates: 0 })
    }

    /// Takes in the weights after a step: the same parameters, in the same order, as at the start.
    ///
    /// # Errors
    /// When there are others.
    pub fn update(&mut self, parameters: &[Parameter]) -> Result<()> {
        let names = self.averages.iter().map(|(name, _)| name.as_str());
        if !names.eq(parameters.iter().map(Parameter::name)) {
            return Err(EngineError::OtherParameters);
        }
        let k = (self.updates + 1) as f64;
        let decay = self.decay.min((1.0 + k) / (10.0 + k));
        let averages = ffi::pointers(self.averages.iter().map(|(_, average)| average));
        let weights = ffi::pointers(parameters.iter().map(Parameter::master));
        // SAFETY: two arrays of as many pointers to tensors that `self` and `parameters` keep alive; `&mut self` keeps other users
        // of the averages away.
        unsafe {
            let message = ffi::engine_lerp(averages.as_ptr(), weights.as_ptr(), weights.len(), 1.0 - decay);
            ffi::check("averaging weights", message)?;
        }
        self.updates += 1;
        Ok(())
    }

    /// The averages by the parameters' names, in their order; the next update changes them in place.
    pub fn averages(&self) -> impl ExactSizeIterator<Item = (&str, &Tensor)> {
        self.averages.iter().map(|(name, average)| (name.as_str(), average))
    }

    /// Everything that the next update depends on, by stable names: `ema.NAME`, and `ema_updates` (`[]`, i64). Shallow copies.
    #[must_use]
    pub fn state(&self) -> Vec<(String, Tensor)> {
        let averages = self.averages.iter().map(|(name, average)| (format!("ema.{name}"), average.shallow_clone()));
        averages.chain([(UPDATES.to_owned(), Tensor::from(self.updates))]).collect()
    }

    /// Puts back what [`Self::state`] gave; `read(name)` yields the tensor, on any device.
    ///
    /// # Errors
    /// Those of `read`, and a tensor of another shape than the average's.
    pub fn load(&mut self, read: &mut dyn FnMut(&str) -> Result<Tensor>) -> Result<()> {
        for (name, average) in &mut self.averages {
            let name = format!("ema.{name}");
            let found = read(&name)?;
            if found.size() != average.size() {
                return Err(EngineError::UnfitState { name, found: found.size(), expected: average.size() });
            }
            no_grad(|| average.f_copy_(&found))?;
        }
        self.updates = read(UPDATES)?.f_int64_value(&[])?;
        Ok(())
    }
}
