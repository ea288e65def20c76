//! What can stop a pretraining.

use std::io;
use std::path::{Path, PathBuf};

use engine::EngineError;
use engine::tch::TchError;
use model::ModelError;
use training::TrainingError;
use txt2img::Txt2ImgError;

/// One sentence for whoever runs the tool.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PretrainingError {
    /// A file or folder could not be read or written.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The run folder belongs to a run with other settings.
    #[error("{folder} holds a run with {key} {found}, not {wanted}; give the same settings or another folder")]
    OtherRun {
        /// The run folder.
        folder: PathBuf,
        /// The setting that differs.
        key: String,
        /// The folder's.
        found: String,
        /// The one that was asked for.
        wanted: String,
    },
    /// A file in the run folder is not what this program wrote there.
    #[error("{path} {problem}; remove it, and it is made again")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The run has not come so far.
    #[error("{path} is not there; the task `{task}` with the same --out makes it")]
    NotMade {
        /// The file.
        path: PathBuf,
        /// Which task writes it.
        task: &'static str,
    },
    /// A sheet asks for what cannot be drawn.
    #[error("the sheet cannot be drawn: {0}")]
    Request(String),
    /// The optimizer or the device failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A model could not be read or written.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A step failed.
    #[error(transparent)]
    Training(#[from] TrainingError),
    /// A picture could not be drawn.
    #[error(transparent)]
    Draw(#[from] Txt2ImgError),
    /// libtorch failed.
    #[error(transparent)]
    Tensor(#[from] TchError),
    /// A picture could not be kept.
    #[error(transparent)]
    Picture(#[from] image::ImageError),
}

/// With this crate's error.
pub type Result<T> = std::result::Result<T, PretrainingError>;

/// For `map_err`: `action` failed on `path`.
pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PretrainingError {
    move |source| PretrainingError::Io { action, path: path.to_owned(), source }
}

/// Refuses to go on without what an earlier task of the tool makes.
pub(crate) fn made_by(task: &'static str, path: &Path) -> Result<()> {
    if path.exists() { Ok(()) } else { Err(PretrainingError::NotMade { path: path.to_owned(), task }) }
}
