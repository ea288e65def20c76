//! What Adam remembers of one parameter, in f32.

use tch::Tensor;

use crate::error::{EngineError, Result};
use crate::ffi::{AdamWConstants, EngineAdamWParameter};
use crate::parameter::Parameter;

/// Two f32 numbers a weight, on the parameter's device and in its layout.
#[derive(Debug)]
pub(super) struct Moments {
    /// Decayed mean of gradients, of the parameter's shape.
    exp_avg: Tensor,
    /// Decayed mean of squared gradients, of the parameter's shape.
    exp_avg_sq: Tensor,
}

impl Moments {
    pub(super) fn zero(parameter: &Parameter) -> Result<Self> {
        let master = parameter.master();
        Ok(Self { exp_avg: master.f_zeros_like()?, exp_avg_sq: master.f_zeros_like()? })
    }

    pub(super) fn state(&self, name: &str) -> [(String, Tensor); 2] {
        [
            (format!("exp_avg.{name}"), self.exp_avg.shallow_clone()),
            (format!("exp_avg_sq.{name}"), self.exp_avg_sq.shallow_clone()),
        ]
    }

    pub(super) fn load(parameter: &Parameter, read: &mut dyn FnMut(&str) -> Result<Tensor>) -> Result<Self> {
        let mut moments = Self::zero(parameter)?;
        for (kind, moment) in [("exp_avg", &mut moments.exp_avg), ("exp_avg_sq", &mut moments.exp_avg_sq)] {
            read_into(moment, &format!("{kind}.{}", parameter.name()), read)?;
        }
        Ok(moments)
    }

    /// The parameter as the kernel takes it, for its update number `step`.
    pub(super) fn entry(
        &self,
        parameter: &Parameter,
        gradient: &Tensor,
        step: i64,
        constants: AdamWConstants,
    ) -> EngineAdamWParameter {
        EngineAdamWParameter {
            master: parameter.master().as_ptr(),
            shadow: shadow(parameter),
            gradient: gradient.as_ptr(),
            exp_avg: self.exp_avg.as_ptr(),
            exp_avg_sq: self.exp_avg_sq.as_ptr(),
            step,
            constants,
        }
    }
}

/// The bf16 leaf, or null where the leaf is the master.
pub(super) fn shadow(parameter: &Parameter) -> *const torch_sys::C_tensor {
    if parameter.has_shadow() { parameter.leaf().as_ptr() } else { std::ptr::null() }
}

/// Overwrites `target` with what `read` gives by that name.
pub(super) fn read_into(target: &mut Tensor, name: &str, read: &mut dyn FnMut(&str) -> Result<Tensor>) -> Result<()> {
    let found = read(name)?;
    if found.size() != target.size() {
        let (found, expected) = (found.size(), target.size());
        return Err(EngineError::UnfitState { name: name.to_owned(), found, expected });
    }
    target.f_copy_(&found)?;
    Ok(())
}

/// The places of the parameters that have a gradient, with it.
pub(super) fn gradients(parameters: &[Parameter]) -> Result<Vec<(usize, Tensor)>> {
    let mut found = Vec::with_capacity(parameters.len());
    for (index, parameter) in parameters.iter().enumerate() {
        found.extend(parameter.laid_out_gradient()?.map(|gradient| (index, gradient)));
    }
    Ok(found)
}

/// The number of updates of each parameter, as `step.NAME`.
#[derive(Debug)]
pub(super) struct StepCounts(Vec<i64>);

impl StepCounts {
    pub(super) fn zero(parameters: &[Parameter]) -> Self {
        Self(vec![0; parameters.len()])
    }

    pub(super) fn of(&self, index: usize) -> i64 {
        self.0[index]
    }

    /// Counts the step just taken by these parameters.
    pub(super) fn count(&mut self, stepped: impl IntoIterator<Item = usize>) {
        stepped.into_iter().for_each(|index| self.0[index] += 1);
    }

    pub(super) fn state(&self, index: usize, name: &str) -> (String, Tensor) {
        (format!("step.{name}"), Tensor::from(self.0[index]))
    }

    pub(super) fn load(parameters: &[Parameter], read: &mut dyn FnMut(&str) -> Result<Tensor>) -> Result<Self> {
        let count = |parameter: &Parameter| {
            let mut steps = Tensor::from(0_i64);
            read_into(&mut steps, &format!("step.{}", parameter.name()), read)?;
            Ok(steps.f_int64_value(&[])?)
        };
        Ok(Self(parameters.iter().map(count).collect::<Result<_>>()?))
    }
}
