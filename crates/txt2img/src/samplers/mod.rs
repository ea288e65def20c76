//! One published algorithm a file. d = (x - D) / sigma is the derivative of the probability-flow ODE throughout.

mod euler;
mod euler_ancestral;

use engine::tch::Tensor;

pub use euler::Euler;
pub use euler_ancestral::EulerAncestral;

/// (x - denoised) / sigma.
fn derivative(x: &Tensor, denoised: &Tensor, sigma: f64) -> Tensor {
    (x - denoised) / sigma
}
