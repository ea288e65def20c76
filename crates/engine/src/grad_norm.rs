//! Clipping gradients by their common norm (Pascanu et al., 2013).

use std::ptr;

use tch::Tensor;

use crate::error::Result;
use crate::ffi;
use crate::parameter::Parameter;

/// The norm of all gradients together, and what to multiply them with so that it is at most a bound: `[]` f32 each, on the
/// gradients' device; nothing waits for the device.
///
/// The gradients themselves are not changed: [`crate::Optimizer::step`] multiplies them while it reads them.
#[derive(Debug)]
pub struct Clip {
    /// The L2 norm before clipping; infinite or NaN where a gradient is.
    pub norm: Tensor,
    /// min(1, `max_norm` / (norm + 1e-6)); NaN where the norm is.
    pub coefficient: Tensor,
}

/// The norm of the gradients of `parameters`, and the coefficient that brings it to at most `max_norm`.
///
/// Parameters without a gradient are left out; without any, the norm is 0. On the CPU the sums are kept in f64 and in one
/// order, whatever the number of threads.
///
/// # Errors
/// When gradients lie on different devices or are neither f32 nor bf16.
pub fn clip<'a>(parameters: impl IntoIterator<Item = &'a Parameter>, max_norm: f64) -> Result<Clip> {
    let gradients: Vec<Tensor> = parameters.into_iter().filter_map(Parameter::gradient).collect();
    let pointers = ffi::pointers(&gradients);
    let (mut norm, mut coefficient) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: `pointers` are of tensors that `gradients` keeps alive; without a message both places hold new tensors, each
    // taken over here once.
    unsafe {
        let message =
            ffi::engine_clip(pointers.as_ptr(), pointers.len(), max_norm, &raw mut norm, &raw mut coefficient);
        ffi::check("measuring gradients", message)?;
        Ok(Clip { norm: Tensor::from_ptr(norm), coefficient: Tensor::from_ptr(coefficient) })
    }
}
