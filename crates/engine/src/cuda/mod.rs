//! Kernels of our own on a GPU: `cpp/optimizers.cu`, compiled by NVRTC for the GPU at hand when they are first needed.
//!
//! The program is linked to neither NVRTC nor the driver; it finds both where libtorch's CUDA half finds its libraries.

mod driver;
mod kernels;
mod nvrtc;

use tch::Device;

use crate::error::Result;

pub(crate) use kernels::kernels;
pub use nvrtc::{Capability, Machine, compile_optimizers};

/// Compiles and loads the optimizers' kernels, once a process and GPU, so that the first step need not. Nothing on the CPU.
///
/// # Errors
/// [`crate::EngineError::NoKernels`] when NVRTC or the driver is missing or refuses.
pub fn prepare(device: Device) -> Result<()> {
    if let Device::Cuda(index) = device { kernels(index).map(|_| ()) } else { Ok(()) }
}
