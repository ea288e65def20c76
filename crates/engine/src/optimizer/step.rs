//! Handing parameters to the kernels of their device.

use tch::Device;

use super::{AdamWSettings, BlockSize};
use crate::cuda;
use crate::error::Result;
use crate::ffi::{self, EngineAdamSettings, EngineAdamW8bitParameter, EngineAdamWParameter};
use crate::grad_norm::Clip;
use crate::parameter::Parameter;

/// Where these parameters lie; all of them lie on one device.
pub(super) fn device(parameters: &[Parameter]) -> Device {
    parameters.first().map_or(Device::Cpu, |parameter| parameter.master().device())
}

/// One AdamW step. A GPU that has no kernels of ours is stepped by libtorch's, to within rounding.
///
/// # Safety
/// The tensors behind the pointers are alive, and nobody else uses the masters, shadows and moments meanwhile.
pub(super) unsafe fn adamw(
    device: Device,
    parameters: &[EngineAdamWParameter],
    clip: &Clip,
    lr: f64,
    settings: AdamWSettings,
) -> Result<()> {
    let (first, count, coefficient) = (parameters.as_ptr(), parameters.len(), clip.coefficient.as_ptr());
    if count == 0 {
        return Ok(());
    }
    let kernels = if let Device::Cuda(index) = device { Some(cuda::kernels(index)) } else { None };
    // SAFETY: `parameters` and what is pointed to beside them outlive the calls and are laid out as in C++; for the tensors the
    // caller vouches; the GPU's context is current while a kernel is launched.
    let message = unsafe {
        match kernels {
            None => ffi::engine_adamw(first, count, coefficient),
            Some(Ok(kernels)) => {
                let _current = kernels.enter()?;
                ffi::engine_cuda_adamw(first, count, coefficient, &raw const kernels.adamw)
            }
            Some(Err(_)) => {
                let AdamWSettings { beta1, beta2, eps, weight_decay } = settings;
                let settings = EngineAdamSettings { beta1, beta2, eps, weight_decay };
                ffi::engine_fused_adamw(first, count, coefficient, lr, &raw const settings)
            }
        }
    };
    // SAFETY: `message` is what the extension has just returned on this thread.
    unsafe { ffi::check("the AdamW step", message) }
}

/// One AdamW step with 8-bit state. A GPU needs kernels of ours for it.
///
/// # Safety
/// As above.
pub(super) unsafe fn adamw_8bit(
    device: Device,
    parameters: &[EngineAdamW8bitParameter],
    clip: &Clip,
    block_size: BlockSize,
) -> Result<()> {
    let (first, count, coefficient) = (parameters.as_ptr(), parameters.len(), clip.coefficient.as_ptr());
    if count == 0 {
        return Ok(());
    }
    let block = block_size.elements();
    // SAFETY: as above.
    let message = unsafe {
        if let Device::Cuda(index) = device {
            let kernels = cuda::kernels(index)?;
            let _current = kernels.enter()?;
            ffi::engine_cuda_adamw_8bit(first, count, coefficient, kernels.adamw_8bit(block_size), block)
        } else {
            ffi::engine_adamw_8bit(first, count, coefficient, block)
        }
    };
    // SAFETY: as above.
    unsafe { ffi::check("the 8-bit AdamW step", message) }
}
