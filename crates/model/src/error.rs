//! Why a model could not be read, built or written.

use std::path::PathBuf;

/// One sentence for the person who named the model; files and tensors are named.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A MODEL argument that is none of the known forms.
    #[error(
        "{0:?} is not a model; give mini, a diffusers folder, a .safetensors or .ckpt file (with @ema for its averaged \
         weights), a Hub id owner/name with an optional @REVISION, or random:sd15, random:mini, random:FOLDER with an \
         optional @SEED"
    )]
    UnknownReference(String),
    /// A path that leads nowhere.
    #[error("{0} does not exist; check the path of the model")]
    NoSuchFile(PathBuf),
    /// Averaged weights are chosen in single files alone.
    #[error("{0} is a folder; @ema chooses the averaged weights of a single .ckpt or .safetensors file")]
    EmaOfFolder(PathBuf),
    /// A Hub id that nobody has fetched yet.
    #[error("{0} is a Hub id; it must be downloaded before it can be opened")]
    NotFetched(String),
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not what its place or name promises.
    #[error("{path} is not a usable model file: {reason}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what would be right.
        reason: String,
    },
    /// A tensor that the network needs is absent.
    #[error("{path} has no tensor {name}")]
    MissingTensor {
        /// The file or folder.
        path: PathBuf,
        /// The name looked for, as it would stand in that file.
        name: String,
    },
    /// A tensor has another shape than the configuration asks for.
    #[error("{path}: tensor {name} has shape {found:?}, but its configuration asks for {expected:?}")]
    Shape {
        /// The file or folder.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its shape.
        found: Vec<i64>,
        /// The shape that fits.
        expected: Vec<i64>,
    },
    /// A trained network lacks a tensor that the file to be written needs.
    #[error("the trained network has no tensor {0}; it does not belong to this base model")]
    NotTrained(String),
    /// A trained tensor has another shape than the base model's configuration asks for.
    #[error("the trained tensor {name} has shape {found:?}, but the base model's configuration asks for {expected:?}")]
    TrainedShape {
        /// The tensor.
        name: String,
        /// Its shape.
        found: Vec<i64>,
        /// The shape that fits.
        expected: Vec<i64>,
    },
    /// A weight that the fp16 of exported files cannot hold.
    #[error(
        "the weight {name} has grown to {largest:e}, but exported models are fp16, which ends at 65504; train with a lower \
         learning rate, or start from another model"
    )]
    BeyondHalf {
        /// The tensor's name in the file.
        name: String,
        /// The largest absolute value.
        largest: f64,
    },
    /// A weight that is NaN or infinite.
    #[error(
        "the weight {name} holds a value that is not a finite number, so the model cannot be exported; train with a lower \
         learning rate, or start from another model"
    )]
    NotFinite {
        /// The tensor's name in the file.
        name: String,
    },
    /// A module of a LoRA that is none, or has no layer to change.
    #[error("the LoRA's module {name} cannot be used: {reason}")]
    Lora {
        /// The module, in kohya's naming.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A `config.json` this project's networks cannot represent.
    #[error("{path}: {reason}")]
    Config {
        /// The file.
        path: PathBuf,
        /// Which key, its value, and what is supported.
        reason: String,
    },
    /// An adapter without an inside.
    #[error("the rank of a LoRA adapter is {0}; give at least 1")]
    AdapterRank(i64),
    /// libtorch refused an operation.
    #[error("tensor engine: {0}")]
    Tensor(#[from] engine::tch::TchError),
}

/// Shorthand of this crate.
pub type Result<T> = std::result::Result<T, ModelError>;
