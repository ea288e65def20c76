//! Why a training could not be done.

use std::path::PathBuf;

use protocol::Stage;

/// One sentence for the job's owner: it names the file or field, what is wrong with it, and what would help.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainingError {
    /// The data set holds nothing to train on.
    #[error(
        "the data set (data_url, or --data on the command line) holds no images; put .jpg, .jpeg or .png files into it"
    )]
    NoImages,
    /// The data set holds more images than one job may train on.
    #[error("the data set holds {found} images, but at most {most} are trained on; split it")]
    TooManyImages {
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
