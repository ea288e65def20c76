//! A network's parameters as the optimizer sees them.

use engine::tch::Tensor;

/// Handles to a network's tensors; they share its memory.
pub(crate) fn tensors_of(parameters: &[(String, Tensor)]) -> Vec<Tensor> {
    parameters.iter().map(|(_, tensor)| tensor.shallow_clone()).collect()
}

/// Turns gradients on or off for the tensors themselves, not for copies.
pub(crate) fn require_gradients(parameters: &[Tensor], required: bool) {
    for parameter in parameters {
        let _same_tensor = parameter.set_requires_grad(required);
    }
}
