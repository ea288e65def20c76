//! How much memory was used at most: by the process, and by tensors on a GPU.

use std::fs;

use libc::c_int;
use tch::Device;

use crate::ffi;

/// The most resident memory this process has had since its start or the last [`reset_peak`]; 0 where the system does
/// not tell.
#[must_use]
pub fn peak_rss_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kibibytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
}

/// The most bytes that tensors held on a GPU at once since the last [`reset_peak`]; `None` for the CPU.
#[must_use]
pub fn device_peak_bytes(device: Device) -> Option<u64> {
    let index = cuda_index(device)?;
    let mut bytes = -1;
    // SAFETY: `bytes` is a place to write one i64.
    unsafe { ffi::check("reading memory figures", ffi::engine_cuda_peak_bytes(index, &raw mut bytes)) }.ok()?;
    u64::try_from(bytes).ok()
}

/// Bytes that a computation on `device` may still take; `None` where nobody tells. On the CPU the system's own estimate, or
/// what the process's control group leaves of it.
#[must_use]
pub fn available_bytes(device: Device) -> Option<u64> {
    let Some(index) = cuda_index(device) else { return available_to_the_process() };
    let mut bytes = -1;
    // SAFETY: `bytes` is a place to write one i64.
    unsafe { ffi::check("reading memory figures", ffi::engine_cuda_free_bytes(index, &raw mut bytes)) }.ok()?;
    u64::try_from(bytes).ok()
}

fn available_to_the_process() -> Option<u64> {
    let of_machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    });
    // Version 2 of control groups; in a container the root of the mount is the container's own group.
    let number = |name: &str| fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok()?.trim().parse::<u64>().ok();
    let of_group = number("memory.max").zip(number("memory.current")).map(|(max, used)| max.saturating_sub(used));
    [of_machine.map(|kibibytes| kibibytes * 1024), of_group].into_iter().flatten().min()
}

/// Starts both figures anew from what is in use now. Best effort: a system that forbids it keeps the old peak.
pub fn reset_peak(device: Device) {
    // "5" resets VmHWM (proc(5), clear_refs).
    let _ = fs::write("/proc/self/clear_refs", "5");
    if let Some(index) = cuda_index(device) {
        // SAFETY: the function takes a plain number.
        let _ = unsafe { ffi::check("resetting memory figures", ffi::engine_cuda_reset_peak(index)) };
    }
}

/// Gives memory that was freed but is kept for reuse back to the system: call it after dropping a network.
pub fn release_unused(device: Device) {
    if cuda_index(device).is_some() {
        // SAFETY: takes nothing, and frees only blocks that no tensor uses.
        let _ = unsafe { ffi::check("releasing cached memory", ffi::engine_cuda_release_cached()) };
    }
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim is thread-safe and touches only memory that was freed.
    unsafe {
        libc::malloc_trim(0);
    }
}

fn cuda_index(device: Device) -> Option<c_int> {
    match device {
        Device::Cuda(index) => c_int::try_from(index).ok(),
        Device::Cpu | Device::Mps | Device::Vulkan => None,
    }
}
