//! The bindings to `cpp/extension.cpp`: raw declarations and the one way to read their errors.

use std::ffi::CStr;

use libc::{c_char, c_int, c_void, size_t};
use tch::Tensor;
use torch_sys::C_tensor;

use crate::error::{EngineError, Result};

unsafe extern "C" {
    pub(crate) fn engine_fused_adamw(
        parameters: *const *const C_tensor,
        gradients: *const *const C_tensor,
        exp_avgs: *const *const C_tensor,
        exp_avg_sqs: *const *const C_tensor,
        steps: *const *const C_tensor,
        count: size_t,
        lr: f64,
        beta1: f64,
        beta2: f64,
        eps: f64,
        weight_decay: f64,
    ) -> *const c_char;
    pub(crate) fn engine_clip_grad_norm(
        gradients: *const *const C_tensor,
        count: size_t,
        max_norm: f64,
        norm: *mut f64,
    ) -> *const c_char;
    pub(crate) fn engine_drop_gradients(parameters: *const *const C_tensor, count: size_t) -> *const c_char;
    pub(crate) fn engine_cuda_peak_bytes(index: c_int, bytes: *mut i64) -> *const c_char;
    pub(crate) fn engine_cuda_reset_peak(index: c_int) -> *const c_char;
    pub(crate) fn engine_cuda_release_cached() -> *const c_char;
    pub(crate) fn engine_libtorch_address() -> *const c_void;
}

/// The pointers behind `tensors`, valid as long as these are.
pub(crate) fn pointers<'a>(tensors: impl IntoIterator<Item = &'a Tensor>) -> Vec<*const C_tensor> {
    tensors.into_iter().map(Tensor::as_ptr).collect()
}

/// Reads the answer of an extension function.
///
/// # Safety
/// `message` must be what an `engine_*` function has just returned on this thread: null, or a C string that stands until
/// this thread's next call.
pub(crate) unsafe fn check(operation: &'static str, message: *const c_char) -> Result<()> {
    if message.is_null() {
        return Ok(());
    }
    // SAFETY: by this function's contract it is a NUL-terminated string that does not change meanwhile.
    let text = unsafe { CStr::from_ptr(message) }.to_string_lossy();
    let message = text.lines().next().unwrap_or_default().to_owned();
    Err(EngineError::Extension { operation, message })
}
