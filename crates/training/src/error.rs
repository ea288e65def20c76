//! Why a training could not be done.

use std::path::PathBuf;

use protocol::Stage;

/// One sentence for the job's owner: it names the file or field, what is wrong with it, and what would help.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainingError {
    /// The data set holds nothing to train on.
    #[error(
        "the data set (data_url, or --data on the command line) holds no images; put .jpg, .jpeg, .png, .webp or .bmp files \
         into it"
    )]
    NoImages,
    /// The data set holds pictures, but none in a format that is read.
    #[error(
        "the data set holds no images that are read, but {files} of other formats, such as {example}; save them as .jpg or \
         .png"
    )]
    ForeignImages {
        /// How many.
        files: usize,
        /// The first of them, as it lies in the data set.
        example: PathBuf,
    },
    /// A concept's folder holds nothing to train on.
    #[error("the folder {folder:?} of the concept {concept:?} {problem}")]
    ConceptFolder {
        /// The concept's name.
        concept: String,
        /// Its folder in the data set.
        folder: String,
        /// What is wrong with it, and what helps.
        problem: &'static str,
    },
    /// Not one of several images can be used.
    #[error("none of the {images} images can be used: {path} is not a usable image, because {reason}; replace them")]
    NoUsableImages {
        /// How many there are.
        images: usize,
        /// The first of them, as it lies in the data set.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Too few images are left to train on.
    #[error(
        "held_out_images is {held_out}, but with {usable} usable images at most {most} can be held out; lower it or add \
         images"
    )]
    HeldOut {
        /// How many are to be held out.
        held_out: usize,
        /// How many images there are.
        usable: usize,
        /// How many may be held out, so that one of each concept remains.
        most: usize,
    },
    /// The data set holds more images than one job may train on.
    #[error("the data set holds {found} images, but at most {most} are trained on; split it")]
    TooManyImages {
        /// Images found.
        found: usize,
        /// The limit.
        most: usize,
    },
    /// There are more class images than one job may train on.
    #[error(
        "there are {found} class images, but at most {most} are trained on; lower num_class_images, or leave some out of class_data_url"
    )]
    TooManyClassImages {
        /// Images found.
        found: usize,
        /// The limit.
        most: usize,
    },
    /// A file or folder of the data set could not be read.
    #[error("{path} could not be read: {source}")]
    Read {
        /// The file, as it lies in the data set.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file has an image's name, but cannot be used as one.
    #[error("{path} is not a usable image: {reason}; replace it or leave it out of the zip")]
    Image {
        /// The file, as it lies in the data set.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A base model whose text encoder cannot read captions.
    #[error(
        "the base model's text encoder knows {tokens} tokens and {positions} positions, but CLIP's tokenizer needs \
         {} and {}; choose a Stable Diffusion 1.x model", model::tokenizer::EOS + 1, model::tokenizer::SEQUENCE_LENGTH
    )]
    TextEncoder {
        /// Its `vocab_size`.
        tokens: i64,
        /// Its `max_position_embeddings`.
        positions: i64,
    },
    /// A learning rate that its schedule cannot start from.
    #[error(
        "{field} is {learning_rate}, but the polynomial schedule ends at {end}; choose a larger learning rate or another \
         schedule"
    )]
    LearningRate {
        /// `text_learning_rate` or `unet_learning_rate`.
        field: &'static str,
        /// Its value.
        learning_rate: f64,
        /// Where the schedule ends.
        end: f64,
    },
    /// bf16 arithmetic on a processor without instructions for it.
    #[error(
        "precision is bf16, but this worker's processor ({0}) would have to emulate it, about a hundred times slower; leave \
         precision out, or give fp32"
    )]
    EmulatedBf16(engine::ProcessorCapability),
    /// bf16 gradients of f32 arithmetic.
    #[error(
        "gradient_precision is bf16, but the training computes in fp32, whose gradients are fp32; give precision bf16, too, or \
         leave gradient_precision out"
    )]
    Bf16Gradients,
    /// The loss or the gradients are no numbers any more: the training diverged.
    #[error(
        "the {} stage diverged at step {step}: {what} is not a finite number; lower {}_learning_rate (it is {learning_rate})",
        stage.as_str(), stage.as_str()
    )]
    Diverged {
        /// Which stage.
        stage: Stage,
        /// The step, from 1.
        step: u64,
        /// What is not finite: `the loss` or `the gradient`.
        what: &'static str,
        /// The stage's learning rate at its start.
        learning_rate: f64,
    },
    /// The trained text encoder could not be parked on the disk while the UNet is trained.
    #[error("the trained text encoder could not be kept in {folder}: {source}; free some disk space")]
    Park {
        /// The job's folder.
        folder: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A picture could not be kept.
    #[error("{path} could not be written: {source}; free some disk space")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A picture could not be drawn.
    #[error(transparent)]
    Draw(Box<dyn std::error::Error + Send + Sync>),
    /// A checkpoint is whole, but of other tensors than the training has. The training then goes on from the one before, so
    /// nobody outside sees this.
    #[error("a checkpoint does not fit the networks: {reason}")]
    UnfitCheckpoint {
        /// Which of its tensors, and why.
        reason: String,
    },
    /// Whoever asked for the training wants it left.
    #[error("the training was stopped")]
    Stopped,
    /// The base model could not be read or run.
    #[error(transparent)]
    Model(#[from] model::ModelError),
    /// The optimizer failed.
    #[error(transparent)]
    Engine(#[from] engine::EngineError),
    /// libtorch refused an operation.
    #[error("tensor engine: {0}")]
    Tensor(#[from] engine::tch::TchError),
}

/// Shorthand of this crate.
pub type Result<T> = std::result::Result<T, TrainingError>;
