//! What changes weights, fused over all of them.

mod adamw;
mod adamw_8bit;
mod moments;
mod packed;
mod step;

use std::fmt::Debug;

use tch::Tensor;

use crate::error::Result;
use crate::grad_norm::Clip;
use crate::parameter::Parameter;

pub use adamw::{AdamW, AdamWSettings};
pub use adamw_8bit::{AdamW8bit, AdamW8bitSettings, BlockSize, MIN_8BIT_ELEMENTS};

/// A rule by which gradients change weights, with what it remembers of earlier steps.
pub trait Optimizer: Debug {
    /// What is trained, in the order it was given.
    fn parameters(&self) -> &[Parameter];

    /// One update at learning rate `lr` of the parameters that have a gradient; the others are left out, and do not count the
    /// step. Every gradient is multiplied by `clip`'s coefficient inside the update itself, and a shadow is rewritten in the
    /// same pass. The gradients stay as they are. On a GPU nothing waits for the device.
    ///
    /// # Errors
    /// When memory for the state is short, or the dtype, layout or device of a tensor does not fit.
    fn step(&mut self, lr: f64, clip: &Clip) -> Result<()>;

    /// Forgets all gradients and frees their memory.
    fn zero_grad(&mut self) {
        Parameter::drop_gradients(self.parameters());
    }

    /// Everything but the weights that the next step depends on, by stable names: `step.NAME` (`[]`, i64: updates so far) of
    /// every parameter, and the moments of those that have been updated, such as `exp_avg.NAME`. Shallow copies: the next
    /// step changes the moments in place.
    fn state(&self) -> Vec<(String, Tensor)>;

    /// Puts back what [`Self::state`] gave; `read(name)` yields the tensor, on any device. Exact: the next step's bits are
    /// those of the run that was left.
    ///
    /// # Errors
    /// Those of `read`, and a tensor of another shape than this optimizer's.
    fn load(&mut self, read: &mut dyn FnMut(&str) -> Result<Tensor>) -> Result<()>;
}
