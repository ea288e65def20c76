//! AdamW with decoupled weight decay (Loshchilov and Hutter, 2019).

use tch::Tensor;

use super::Optimizer;
use super::moments::{self, Moments, StepCounts};
use super::step;
use crate::error::Result;
use crate::ffi::AdamWConstants;
use crate::grad_norm::Clip;
use crate::parameter::Parameter;

/// The constants of [`AdamW`]; the defaults are torch's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamWSettings {
    /// Decay of the mean of gradients.
    pub beta1: f64,
    /// Decay of the mean of squared gradients.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Each step multiplies weights by 1 − lr · `weight_decay`.
    pub weight_decay: f64,
}

impl Default for AdamWSettings {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.01 }
    }
}

impl AdamWSettings {
    /// The numbers of update number `steps`, from 1.
    pub(super) fn constants(self, lr: f64, steps: i64) -> AdamWConstants {
        let (mean_part, square_part) = self.seen(steps);
        AdamWConstants {
            decay: (1.0 - lr * self.weight_decay) as f32,
            mean_rate: (1.0 - self.beta1) as f32,
            beta2: self.beta2 as f32,
            square_rate: (1.0 - self.beta2) as f32,
            step_size: (lr / mean_part) as f32,
            root: square_part.sqrt() as f32,
            eps: self.eps as f32,
        }
    }

    /// How much of the moments stems from gradients, and not from the zeros they began with: 1 − βᵏ each.
    pub(super) fn seen(self, steps: i64) -> (f64, f64) {
        let k = steps as f64;
        (1.0 - self.beta1.powf(k), 1.0 - self.beta2.powf(k))
    }
}

/// The optimizer and its state: two f32 numbers a weight, made when a parameter first has a gradient. Weights decay before
/// the update, as in torch.
#[derive(Debug)]
pub struct AdamW {
    parameters: Vec<Parameter>,
    /// As many as parameters; `None` until the first gradient.
    moments: Vec<Option<Moments>>,
    steps: StepCounts,
    settings: AdamWSettings,
}

impl AdamW {
    /// An optimizer of these parameters, before its first step.
    #[must_use]
    pub fn new(parameters: Vec<Parameter>, settings: AdamWSettings) -> Self {
        let moments = parameters.iter().map(|_| None).collect();
        let steps = StepCounts::zero(&parameters);
        Self { parameters, moments, steps, settings }
    }
}

impl Optimizer for AdamW {
    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn step(&mut self, lr: f64, clip: &Clip) -> Result<()> {
        let gradients = moments::gradients(&self.parameters)?;
        for (index, _) in &gradients {
            let none_yet = &mut self.moments[*index];
            if none_yet.is_none() {
                *none_yet = Some(Moments::zero(&self.parameters[*index])?);
            }
        }
        let entry = |(index, gradient): &(usize, Tensor)| {
            let step = self.steps.of(*index) + 1;
            let moments = self.moments[*index].as_ref()?;
            Some(moments.entry(&self.parameters[*index], gradient, step, self.settings.constants(lr, step)))
        };
        let entries: Vec<_> = gradients.iter().filter_map(entry).collect();
        // SAFETY: the entries' tensors are kept alive by `self` and `gradients`; `&mut self` keeps other users of the state away
        // while the kernel writes.
        unsafe { step::adamw(step::device(&self.parameters), &entries, clip, lr, self.settings) }?;
        self.steps.count(gradients.into_iter().map(|(index, _)| index));
        Ok(())
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        let mut state = Vec::with_capacity(3 * self.parameters.len());
        for (index, parameter) in self.parameters.iter().enumerate() {
            state.push(self.steps.state(index, parameter.name()));
            state.extend(self.moments[index].iter().flat_map(|moments| moments.state(parameter.name())));
        }
        state
    }

    fn load(&mut self, read: &mut dyn FnMut(&str) -> Result<Tensor>) -> Result<()> {
        let steps = StepCounts::load(&self.parameters, read)?;
        let mut moments = Vec::with_capacity(self.parameters.len());
        for (index, parameter) in self.parameters.iter().enumerate() {
            let updated = steps.of(index) > 0;
            moments.push(updated.then(|| Moments::load(parameter, read)).transpose()?);
        }
        (self.steps, self.moments) = (steps, moments);
        Ok(())
    }
}
