//! What the bits of a sum depend on besides its terms: the libtorch that is loaded, its kernels, its threads.

use std::ffi::{CStr, c_char};

use crate::ffi;

/// The version of the libtorch that is loaded, `2.11.0`; empty when it does not say.
#[must_use]
pub fn version() -> String {
    // SAFETY: the function takes nothing and its text lives as long as the process.
    let config = unsafe { text(ffi::engine_libtorch_config()) };
    let after = config.split_once("TORCH_VERSION=").map_or("", |(_, after)| after);
    after.chars().take_while(|char| !matches!(char, ',' | ' ' | '\n')).collect()
}

/// The vector instructions that its CPU kernels use: `AVX2`, `AVX512`, … They may be fewer than the processor has
/// (`ATEN_CPU_CAPABILITY`).
#[must_use]
pub fn cpu_capability() -> String {
    // SAFETY: as in `version`.
    unsafe { text(ffi::engine_libtorch_cpu_capability()) }
}

/// Threads that share one operation on the CPU.
#[must_use]
pub fn threads() -> i64 {
    i64::from(tch::get_num_threads())
}

/// # Safety
/// `words` must be null or a C string that nobody changes.
unsafe fn text(words: *const c_char) -> String {
    if words.is_null() {
        return String::new();
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(words) }.to_string_lossy().into_owned()
}
