//! AdamW with block-wise 8-bit state (Dettmers et al., 2022), as bitsandbytes computes it.

use tch::Tensor;

use super::moments::{self, Moments, StepCounts};
use super::packed::PackedMoments;
use super::{AdamWSettings, Optimizer, step};
use crate::error::Result;
use crate::ffi::AdamW8bitConstants;
use crate::grad_norm::Clip;
use crate::parameter::Parameter;

/// Tensors of fewer elements keep moments in f32: there is little to save, and norms and biases are sensitive.
pub const MIN_8BIT_ELEMENTS: usize = 4096;

/// How many neighbouring weights share a scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BlockSize {
    /// As bitsandbytes 0.35, which the original endpoint ran.
    #[default]
    Elements2048,
    /// As bitsandbytes since 0.44: finer scales, an eighth of a bit more a weight.
    Elements256,
}

impl BlockSize {
    /// The number of weights.
    #[must_use]
    pub fn elements(self) -> i64 {
        match self {
            Self::Elements2048 => 2048,
            Self::Elements256 => 256,
        }
    }
}

/// The constants of [`AdamW8bit`].
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct AdamW8bitSettings {
    /// Those of Adam.
    pub adamw: AdamWSettings,
    /// How many weights share a scale.
    pub block_size: BlockSize,
}

/// The optimizer and its state: two bytes a weight and two f32 numbers a block. Small tensors (fewer than
/// [`MIN_8BIT_ELEMENTS`] elements) are stepped as [`super::AdamW`] does.
///
/// The update uses the new moments before they are packed; weights decay after the update, as in bitsandbytes.
#[derive(Debug)]
pub struct AdamW8bit {
    parameters: Vec<Parameter>,
    /// As many as parameters; `None` until the first gradient.
    moments: Vec<Option<EitherMoments>>,
    steps: StepCounts,
    settings: AdamW8bitSettings,
}

#[derive(Debug)]
enum EitherMoments {
    Whole(Moments),
    Packed(PackedMoments),
}

impl AdamW8bit {
    /// An optimizer of these parameters, before its first step.
    #[must_use]
    pub fn new(parameters: Vec<Parameter>, settings: AdamW8bitSettings) -> Self {
        let moments = parameters.iter().map(|_| None).collect();
        let steps = StepCounts::zero(&parameters);
        Self { parameters, moments, steps, settings }
    }

    fn is_packed(parameter: &Parameter) -> bool {
        parameter.master().numel() >= MIN_8BIT_ELEMENTS
    }

    fn zero_moments(&self, index: usize) -> Result<EitherMoments> {
        let parameter = &self.parameters[index];
        Ok(if Self::is_packed(parameter) {
            EitherMoments::Packed(PackedMoments::zero(parameter, self.settings.block_size)?)
        } else {
            EitherMoments::Whole(Moments::zero(parameter)?)
        })
    }

    fn constants(&self, lr: f64, steps: i64) -> AdamW8bitConstants {
        let AdamWSettings { beta1, beta2, eps, weight_decay } = self.settings.adamw;
        let (mean_part, square_part) = self.settings.adamw.seen(steps);
        AdamW8bitConstants {
            beta1: beta1 as f32,
            mean_rate: (1.0 - beta1) as f32,
            beta2: beta2 as f32,
            square_rate: (1.0 - beta2) as f32,
            step_size: (lr * square_part.sqrt() / mean_part) as f32,
            eps: (eps * square_part.sqrt()) as f32,
            decay: (1.0 - lr * weight_decay) as f32,
        }
    }
}

impl Optimizer for AdamW8bit {
    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn step(&mut self, lr: f64, clip: &Clip) -> Result<()> {
        let gradients = moments::gradients(&self.parameters)?;
        let (mut whole, mut packed) = (Vec::new(), Vec::new());
        for &(index, _) in &gradients {
            if self.moments[index].is_none() {
                self.moments[index] = Some(self.zero_moments(index)?);
            }
        }
        for (index, gradient) in &gradients {
            let (parameter, step) = (&self.parameters[*index], self.steps.of(*index) + 1);
            match &self.moments[*index] {
                Some(EitherMoments::Whole(moments)) => {
                    whole.push(moments.entry(parameter, gradient, step, self.settings.adamw.constants(lr, step)));
                }
                Some(EitherMoments::Packed(moments)) => {
                    packed.push(moments.entry(parameter, gradient, self.constants(lr, step)));
                }
                None => {}
            }
        }
        let device = step::device(&self.parameters);
        // SAFETY: the entries' tensors are kept alive by `self` and `gradients`; `&mut self` keeps other users of the state away
        // while the kernels write.
        unsafe {
            step::adamw_8bit(device, &packed, clip, self.settings.block_size)?;
            step::adamw(device, &whole, clip, lr, self.settings.adamw)?;
        }
        self.steps.count(gradients.into_iter().map(|(index, _)| index));
        Ok(())
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        let mut state = Vec::with_capacity(5 * self.parameters.len());
        for (index, parameter) in self.parameters.iter().enumerate() {
            let name = parameter.name();
            state.push(self.steps.state(index, name));
            match &self.moments[index] {
                Some(EitherMoments::Whole(moments)) => state.extend(moments.state(name)),
                Some(EitherMoments::Packed(moments)) => state.extend(moments.state(name)),
                None => {}
            }
        }
        state
    }

    fn load(&mut self, read: &mut dyn FnMut(&str) -> Result<Tensor>) -> Result<()> {
        let steps = StepCounts::load(&self.parameters, read)?;
        let mut moments = Vec::with_capacity(self.parameters.len());
        for (index, parameter) in self.parameters.iter().enumerate() {
            moments.push(if steps.of(index) == 0 {
                None
            } else if Self::is_packed(parameter) {
                Some(EitherMoments::Packed(PackedMoments::load(parameter, self.settings.block_size, read)?))
            } else {
                Some(EitherMoments::Whole(Moments::load(parameter, read)?))
            });
        }
        (self.steps, self.moments) = (steps, moments);
        Ok(())
    }
}
