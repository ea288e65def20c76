//! What went wrong as a [`Failure`]: a stable code, and with it whose fault it is. One table for everything that can happen
//! in a child.

use std::any::Any;
use std::io;

use engine::EngineError;
use engine::tch::TchError;
use model::ModelError;
use protocol::{Failure, FailureCode};
use training::TrainingError;
use txt2img::Txt2ImgError;

use crate::error::ExecutionError;

/// What an owner can do when the device's memory does not suffice.
const MEMORY_REMEDY: &str = "The device has too little memory for this job; set input.train.unet_8_bit_adam and \
                             input.train.text_8_bit_adam, set input.train.gradient_checkpointing, lower \
                             input.train.unet_resolution, input.train.unet_batch_size, input.train.text_resolution, \
                             input.train.text_batch_size or the width, height and batch_size of the pictures, or train with \
                             input.train.network lora.";

/// The failure of a job that asks for more memory than there is.
pub fn out_of_memory() -> Failure {
    Failure::new(FailureCode::OutOfMemory, MEMORY_REMEDY)
}

/// True for libtorch's ways to say that an allocation failed.
pub fn lacks_memory(text: &str) -> bool {
    ["out of memory", "can't allocate memory", "bad_alloc", "not enough memory"]
        .iter()
        .any(|words| text.contains(words))
}

/// Whether that is what the tensor engine panicked of.
pub(crate) fn is_lack_of_memory(panic: &(dyn Any + Send)) -> bool {
    let words = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    words.is_some_and(lacks_memory)
}

impl From<ExecutionError> for Failure {
    fn from(error: ExecutionError) -> Self {
        let code = match &error {
            ExecutionError::Model(error) => of_model(error),
            ExecutionError::Training(error) => of_training(error),
            ExecutionError::Txt2Img(error) => of_txt2img(error),
            ExecutionError::Write { source, .. } => of_disk(source),
        };
        if code == FailureCode::OutOfMemory { out_of_memory() } else { Self::new(code, error.to_string()) }
    }
}

/// Why a device could not be opened: the operator chose it, so it is never the owner's fault.
pub fn of_device(error: &EngineError) -> Failure {
    Failure::new(FailureCode::DeviceUnavailable, error.to_string())
}

fn of_model(error: &ModelError) -> FailureCode {
    match error {
        ModelError::Io { source, .. } => of_disk(source),
        ModelError::BeyondHalf { .. } | ModelError::NotFinite { .. } => FailureCode::WeightOutOfRange,
        ModelError::Tensor(error) => of_tensors(error),
        // What the child is told to open, its supervisor has put there.
        ModelError::NotTrained(_) | ModelError::TrainedShape { .. } | ModelError::NotFetched(_) => {
            FailureCode::Internal
        }
        ModelError::NoSuchFile(_) => FailureCode::FileError,
        _ => FailureCode::ModelUnusable,
    }
}

fn of_training(error: &TrainingError) -> FailureCode {
    match error {
        TrainingError::NoImages | TrainingError::ForeignImages { .. } | TrainingError::ConceptFolder { .. } => {
            FailureCode::DataNoImages
        }
        TrainingError::TooManyImages { .. } | TrainingError::TooManyClassImages { .. } => FailureCode::DataTooLarge,
        TrainingError::Image { .. } | TrainingError::NoUsableImages { .. } => FailureCode::DataUnusableImage,
        TrainingError::HeldOut { .. } => FailureCode::SettingsUnusable,
        TrainingError::Read { source, .. }
        | TrainingError::Park { source, .. }
        | TrainingError::Write { source, .. } => of_disk(source),
        TrainingError::Draw(error) => error.downcast_ref().map_or(FailureCode::Internal, of_txt2img),
        TrainingError::TextEncoder { .. } => FailureCode::ModelUnusable,
        TrainingError::LearningRate { .. } | TrainingError::EmulatedBf16(_) | TrainingError::Bf16Gradients => {
            FailureCode::SettingsUnusable
        }
        TrainingError::Diverged { .. } => FailureCode::TrainingDiverged,
        TrainingError::Model(error) => of_model(error),
        TrainingError::Engine(error) => of_engine(error),
        TrainingError::Tensor(error) => of_tensors(error),
        TrainingError::Stopped => FailureCode::WorkerStopped,
        _ => FailureCode::Internal,
    }
}

fn of_txt2img(error: &Txt2ImgError) -> FailureCode {
    match error {
        Txt2ImgError::Model(error) => of_model(error),
        Txt2ImgError::Tensor(error) => of_tensors(error),
        Txt2ImgError::TextEncoder { .. } => FailureCode::ModelUnusable,
        Txt2ImgError::NotFinite { .. } => FailureCode::PictureNotFinite,
        Txt2ImgError::Stopped => FailureCode::WorkerStopped,
        _ => FailureCode::Internal,
    }
}

fn of_engine(error: &EngineError) -> FailureCode {
    match error {
        EngineError::Tensor(error) => of_tensors(error),
        EngineError::Extension { message, .. } if lacks_memory(message) => FailureCode::OutOfMemory,
        EngineError::Extension { .. } => FailureCode::Internal,
        _ => FailureCode::DeviceUnavailable,
    }
}

fn of_tensors(error: &TchError) -> FailureCode {
    match error {
        TchError::Io(error) => of_disk(error),
        error if lacks_memory(&error.to_string()) => FailureCode::OutOfMemory,
        _ => FailureCode::Internal,
    }
}

fn of_disk(error: &io::Error) -> FailureCode {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => FailureCode::DiskFull,
        _ => FailureCode::FileError,
    }
}
