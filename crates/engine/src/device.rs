//! Which device to compute on, and how CUDA comes into the process.
//!
//! The binary is linked to libtorch_cpu alone. Where `libtorch_cuda.so` can be found, loading it registers CUDA with
//! libtorch's dispatcher. That must happen before anything asks about CUDA: libtorch remembers the first answer for
//! the life of the process. So every use of a GPU goes through [`open_device`].

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::OnceLock;

use tch::{Cuda, Device};

use crate::error::{EngineError, Result};
use crate::ffi;
use crate::library::{self, Library};

/// libtorch's CUDA half.
const CUDA_LIBRARY: &str = "libtorch_cuda.so";

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

/// How a device is written wherever a person or a report reads it: `cpu`, `cuda:0`, as `--device` takes it.
#[must_use]
pub fn device_name(device: Device) -> String {
    match device {
        Device::Cpu => "cpu".to_owned(),
        Device::Cuda(index) => DeviceChoice::Cuda(index).to_string(),
        Device::Mps => "mps".to_owned(),
        Device::Vulkan => "vulkan".to_owned(),
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

/// Loads `libtorch_cuda.so` once. It stays for the life of the process.
fn load_cuda() -> &'static std::result::Result<(), String> {
    static LOADED: OnceLock<std::result::Result<(), String>> = OnceLock::new();
    LOADED.get_or_init(|| {
        let library = cuda_library(libtorch_folder().as_deref());
        Library::open_for_all(&library).map(|_| ())
    })
}

/// The CUDA half of libtorch: the one beside the loaded half, because only those two were built together. Where there is
/// none, the bare name, which the loader seeks in `LD_LIBRARY_PATH` and the system's folders.
#[must_use]
pub fn cuda_library(libtorch_folder: Option<&Path>) -> PathBuf {
    let beside = libtorch_folder.map(|folder| folder.join(CUDA_LIBRARY)).filter(|library| library.is_file());
    beside.unwrap_or_else(|| CUDA_LIBRARY.into())
}

/// The folder that the loader took libtorch from, whether through the binary's own search path or `LD_LIBRARY_PATH`.
#[must_use]
pub fn libtorch_folder() -> Option<PathBuf> {
    // SAFETY: takes nothing and answers an address.
    library::folder_of(unsafe { ffi::engine_libtorch_address() })
}
