//! What can go wrong below the networks.

use crate::processor::ProcessorCapability;

/// A refusal of the tensor engine, as one sentence.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// A device name that is none of the known forms.
    #[error("device {0:?} is unknown; give auto, cpu, or cuda:N with the number of the GPU, such as cuda:0")]
    UnknownDevice(String),
    /// CUDA was asked for, and this process cannot have it.
    #[error(
        "device {device} is not available: {reason}; use --device cpu, or run cargo xtask provision --cuda and install an NVIDIA driver"
    )]
    NoCuda {
        /// The device asked for.
        device: String,
        /// What the loader or the driver said.
        reason: String,
    },
    /// A GPU number beyond those present.
    #[error("device cuda:{index} is not available: this machine has {count} CUDA device(s), numbered from 0")]
    NoSuchGpu {
        /// The number asked for.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// bf16 on a CPU without instructions for it.
    #[error(
        "precision bf16 would be about a hundred times slower than fp32 here: this CPU ({0}) has neither AVX-512 bf16 nor \
         AMX and would emulate it; give --precision fp32"
    )]
    EmulatedBf16(ProcessorCapability),
    /// libtorch refused an operation.
    #[error("tensor engine: {0}")]
    Tensor(#[from] tch::TchError),
    /// libtorch refused an operation of this crate's own extension.
    #[error("tensor engine: {operation} failed: {message}")]
    Extension {
        /// What was being done.
        operation: &'static str,
        /// The first line of libtorch's message.
        message: String,
    },
}

/// Shorthand of this crate.
pub type Result<T> = std::result::Result<T, EngineError>;
