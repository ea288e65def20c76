//! Whether this machine's NVIDIA driver can run the CUDA that libtorch is built for.

use std::fs;

/// The oldest driver that CUDA 13 runs on.
pub const OLDEST: u32 = 580;

/// One sentence about the driver, for whoever has just fetched gigabytes for it.
pub fn sentence() -> String {
    describe(fs::read_to_string("/proc/driver/nvidia/version").ok().as_deref())
}

/// The sentence by what the kernel module says of itself, if one is loaded.
pub fn describe(module: Option<&str>) -> String {
    let Some(module) = module else {
        return format!("no NVIDIA driver was found here; a GPU needs one of release {OLDEST} or newer");
    };
    match release(module) {
        Some((version, major)) if major < OLDEST => {
            format!("the NVIDIA driver here is {version}, but CUDA 13 needs release {OLDEST} or newer: update it")
        }
        Some((version, _)) => format!("the NVIDIA driver here is {version}, new enough for CUDA 13"),
        None => format!("the NVIDIA driver here does not tell its release; CUDA 13 needs {OLDEST} or newer"),
    }
}

/// `580.95.05` and 580 from `NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.95.05  Tue …`.
fn release(module: &str) -> Option<(&str, u32)> {
    module.lines().next()?.split_whitespace().find_map(|word| {
        let (major, rest) = word.split_once('.')?;
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if rest.split('.').all(is_number) { Some((word, major.parse().ok()?)) } else { None }
    })
}
