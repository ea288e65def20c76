//! Which device to compute on, and how CUDA comes into the process.
//!
//! The binary is linked to libtorch_cpu alone. Where `libtorch_cuda.so` can be found, loading it registers CUDA with
//! libtorch's dispatcher. That must happen before anything asks about CUDA: libtorch remembers the first answer for
//! the life of the process. So every use of a GPU goes through [`open_device`].

use std::ffi::CStr;
use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use tch::{Cuda, Device};

use crate::error::{EngineError, Result};

/// A device as users name it: `auto`, `cpu` or `cuda:N`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// The first GPU where CUDA works, the CPU elsewhere.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The GPU of this number.
    Cuda(usize),
}

impl FromStr for DeviceChoice {
    type Err = EngineError;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => text
                .strip_prefix("cuda:")
                .and_then(|index| index.parse().ok())
                .map(Self::Cuda)
                .ok_or_else(|| EngineError::UnknownDevice(text.to_owned())),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

/// The device that `choice` means on this machine; loads CUDA unless the CPU was asked for.
///
/// # Errors
/// When a GPU was asked for by number and CUDA or that GPU is absent.
pub fn open_device(choice: DeviceChoice) -> Result<Device> {
    match choice {
        DeviceChoice::Cpu => Ok(Device::Cpu),
        DeviceChoice::Auto => {
            Ok(if cuda_device_count().is_ok_and(|count| count > 0) { Device::Cuda(0) } else { Device::Cpu })
        }
        DeviceChoice::Cuda(index) => {
            let unavailable = |reason| EngineError::NoCuda { device: choice.to_string(), reason };
            let count = cuda_device_count().map_err(unavailable)?;
            if count == 0 {
                return Err(unavailable("no NVIDIA GPU or driver was found".to_owned()));
            }
            if index >= count { Err(EngineError::NoSuchGpu { index, count }) } else { Ok(Device::Cuda(index)) }
        }
    }
}

/// How many GPUs libtorch sees, or why its CUDA half could not be loaded.
fn cuda_device_count() -> std::result::Result<usize, String> {
    load_cuda().clone()?;
    Ok(usize::try_from(Cuda::device_count()).unwrap_or(0))
}

/// Loads `libtorch_cuda.so` once, from where the loader finds libtorch itself. It stays for the life of the process.
fn load_cuda() -> &'static std::result::Result<(), String> {
    static LOADED: OnceLock<std::result::Result<(), String>> = OnceLock::new();
    LOADED.get_or_init(|| {
        // SAFETY: the name is a NUL-terminated literal; the library's initialisers only register kernels with the
        // dispatcher that is already in this process, and the handle is never closed.
        let handle = unsafe { libc::dlopen(c"libtorch_cuda.so".as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL) };
        if handle.is_null() { Err(loader_message()) } else { Ok(()) }
    })
}

fn loader_message() -> String {
    // SAFETY: takes no argument; the answer is null or a string of the loader that is valid until its next call on
    // this thread, and it is copied at once.
    let message = unsafe { libc::dlerror() };
    if message.is_null() {
        return "libtorch_cuda.so could not be loaded".to_owned();
    }
    // SAFETY: not null, so a NUL-terminated string by dlerror's contract.
    unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned()
}
