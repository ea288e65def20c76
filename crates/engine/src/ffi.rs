//! The bindings to the C++ files in `cpp`: raw declarations and the one way to read their errors.

use std::ffi::CStr;

use libc::{c_char, c_int, c_uint, c_void, size_t};
use tch::Tensor;
use torch_sys::C_tensor;

use crate::error::{EngineError, Result};

/// As in `element.h`: the numbers of an AdamW step, rounded to f32 once.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct AdamWConstants {
    pub(crate) decay: f32,
    pub(crate) mean_rate: f32,
    pub(crate) beta2: f32,
    pub(crate) square_rate: f32,
    pub(crate) step_size: f32,
    pub(crate) root: f32,
    pub(crate) eps: f32,
}

/// As in `element.h`: the numbers of a step with 8-bit state, rounded to f32 once.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct AdamW8bitConstants {
    pub(crate) beta1: f32,
    pub(crate) mean_rate: f32,
    pub(crate) beta2: f32,
    pub(crate) square_rate: f32,
    pub(crate) step_size: f32,
    pub(crate) eps: f32,
    pub(crate) decay: f32,
}

/// As in `optimizer_parameters.h`: one parameter with its gradient and moments. `shadow` may be null.
#[repr(C)]
pub(crate) struct EngineAdamWParameter {
    pub(crate) master: *const C_tensor,
    pub(crate) shadow: *const C_tensor,
    pub(crate) gradient: *const C_tensor,
    pub(crate) exp_avg: *const C_tensor,
    pub(crate) exp_avg_sq: *const C_tensor,
    pub(crate) step: i64,
    pub(crate) constants: AdamWConstants,
}

/// As in `adamw.cpp`: the constants of Adam.
#[repr(C)]
pub(crate) struct EngineAdamSettings {
    pub(crate) beta1: f64,
    pub(crate) beta2: f64,
    pub(crate) eps: f64,
    pub(crate) weight_decay: f64,
}

/// As in `optimizer_parameters.h`: one parameter with its gradient and packed moments. `shadow` may be null.
#[repr(C)]
pub(crate) struct EngineAdamW8bitParameter {
    pub(crate) master: *const C_tensor,
    pub(crate) shadow: *const C_tensor,
    pub(crate) gradient: *const C_tensor,
    pub(crate) exp_avg_codes: *const C_tensor,
    pub(crate) exp_avg_absmax: *const C_tensor,
    pub(crate) exp_avg_sq_codes: *const C_tensor,
    pub(crate) exp_avg_sq_absmax: *const C_tensor,
    pub(crate) constants: AdamW8bitConstants,
}

/// As in `cuda_optimizers.cpp`: a kernel that is loaded for the GPU `device`, and the driver's function that launches it.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct EngineCudaKernel {
    pub(crate) launch: LaunchKernel,
    pub(crate) function: *mut c_void,
    pub(crate) device: c_int,
}

/// `cuLaunchKernel` of the driver API.
pub(crate) type LaunchKernel = unsafe extern "C" fn(
    function: *mut c_void,
    grid_x: c_uint,
    grid_y: c_uint,
    grid_z: c_uint,
    block_x: c_uint,
    block_y: c_uint,
    block_z: c_uint,
    shared_bytes: c_uint,
    stream: *mut c_void,
    arguments: *mut *mut c_void,
    extra: *mut *mut c_void,
) -> c_int;

unsafe extern "C" {
    pub(crate) fn engine_adamw(
        parameters: *const EngineAdamWParameter,
        count: size_t,
        coefficient: *const C_tensor,
    ) -> *const c_char;
    pub(crate) fn engine_fused_adamw(
        parameters: *const EngineAdamWParameter,
        count: size_t,
        coefficient: *const C_tensor,
        lr: f64,
        settings: *const EngineAdamSettings,
    ) -> *const c_char;
    pub(crate) fn engine_adamw_8bit(
        parameters: *const EngineAdamW8bitParameter,
        count: size_t,
        coefficient: *const C_tensor,
        block: i64,
    ) -> *const c_char;
    pub(crate) fn engine_cuda_adamw(
        parameters: *const EngineAdamWParameter,
        count: size_t,
        coefficient: *const C_tensor,
        kernel: *const EngineCudaKernel,
    ) -> *const c_char;
    pub(crate) fn engine_cuda_adamw_8bit(
        parameters: *const EngineAdamW8bitParameter,
        count: size_t,
        coefficient: *const C_tensor,
        kernel: *const EngineCudaKernel,
        block: i64,
    ) -> *const c_char;
    pub(crate) fn engine_dynamic_maps(codewords: *mut f32, nearest: *mut u32);
    pub(crate) fn engine_clip(
        gradients: *const *const C_tensor,
        count: size_t,
        max_norm: f64,
        norm: *mut *mut C_tensor,
        coefficient: *mut *mut C_tensor,
    ) -> *const c_char;
    pub(crate) fn engine_lerp(
        averages: *const *const C_tensor,
        values: *const *const C_tensor,
        count: size_t,
        weight: f64,
    ) -> *const c_char;
    pub(crate) fn engine_drop_gradients(parameters: *const *const C_tensor, count: size_t) -> *const c_char;
    pub(crate) fn engine_cuda_peak_bytes(index: c_int, bytes: *mut i64) -> *const c_char;
    pub(crate) fn engine_cuda_free_bytes(index: c_int, bytes: *mut i64) -> *const c_char;
    pub(crate) fn engine_cuda_reset_peak(index: c_int) -> *const c_char;
    pub(crate) fn engine_cuda_release_cached() -> *const c_char;
    pub(crate) fn engine_libtorch_address() -> *const c_void;
    pub(crate) fn engine_libtorch_config() -> *const c_char;
    pub(crate) fn engine_libtorch_cpu_capability() -> *const c_char;
    pub(crate) fn engine_records_gradients() -> bool;
    pub(crate) fn engine_checkpoint(
        computed: *const C_tensor,
        inputs: *const *const C_tensor,
        count: size_t,
        piece: *mut c_void,
        run: Recompute,
        drop: DropPiece,
        output: *mut *mut C_tensor,
    ) -> *const c_char;
}

/// Computes a piece again from `count` tensors: a tensor that the caller owns, or null and a message of at most
/// `capacity` bytes.
pub(crate) type Recompute = unsafe extern "C" fn(
    piece: *const c_void,
    inputs: *const *mut C_tensor,
    count: size_t,
    message: *mut c_char,
    capacity: size_t,
) -> *mut C_tensor;

/// Drops a piece.
pub(crate) type DropPiece = unsafe extern "C" fn(piece: *mut c_void);

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
