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
    /// The optimizers' kernels for a GPU could not be compiled or loaded.
    #[error(
        "the optimizers' kernels for GPU {index} cannot be had: {reason}; install NVRTC of CUDA 13 beside libtorch (cargo xtask \
         provision --cuda, or pip install nvidia-cuda-nvrtc) and an NVIDIA driver, or train without 8-bit Adam"
    )]
    NoKernels {
        /// The number of the GPU.
        index: usize,
        /// What the loader, the compiler or the driver said.
        reason: String,
    },
    /// bf16 on a CPU without instructions for it.
    #[error(
        "precision bf16 would be about a hundred times slower than fp32 here: this CPU ({0}) has neither AVX-512 bf16 nor \
         AMX and would emulate it; give --precision fp32"
    )]
    EmulatedBf16(ProcessorCapability),
    /// A bf16 leaf that cannot be the shadow of its master.
    #[error(
        "weight {name} cannot be computed with as a bf16 copy: {problem}; make the copy from an f32 master of the same shape"
    )]
    UnfitShadow {
        /// The parameter.
        name: String,
        /// What does not fit.
        problem: String,
    },
    /// A saved tensor of another shape than what it should replace.
    #[error(
        "saved state {name} has shape {found:?} where {expected:?} is needed; it is of another model or other settings"
    )]
    UnfitState {
        /// The tensor.
        name: String,
        /// Its shape.
        found: Vec<i64>,
        /// The shape of what it should replace.
        expected: Vec<i64>,
    },
    /// Weights were to be averaged with others than those the averages began with.
    #[error("the moving averages are of other weights than those given; give the same ones in the same order")]
    OtherParameters,
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
