//! Clipping gradients by their common norm (Pascanu et al., 2013).

use tch::Tensor;

use crate::error::Result;
use crate::ffi;

/// Multiplies all gradients by min(1, `max_norm` / (norm + 1e-6)) and returns their common L2 norm before that.
///
/// Parameters without a gradient are left out; without any, the norm is 0. On a GPU the host waits once.
///
/// # Errors
/// When libtorch refuses, for instance because gradients lie on different devices.
pub fn clip_grad_norm(parameters: &[Tensor], max_norm: f64) -> Result<f64> {
    let mut gradients = Vec::with_capacity(parameters.len());
    for parameter in parameters {
        let gradient = parameter.f_grad()?;
        if gradient.defined() {
            gradients.push(gradient);
        }
    }
    if gradients.is_empty() {
        return Ok(0.0);
    }
    let pointers = ffi::pointers(&gradients);
    let mut norm = 0.0;
    // SAFETY: `pointers` are of tensors that `gradients` keeps alive, and `norm` is a place to write one f64.
    unsafe {
        let message = ffi::engine_clip_grad_norm(pointers.as_ptr(), pointers.len(), max_norm, &raw mut norm);
        ffi::check("gradient clipping", message)?;
    }
    Ok(norm)
}
