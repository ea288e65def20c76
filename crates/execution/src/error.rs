//! Why an assignment was not done.

use std::io;
use std::path::PathBuf;

use model::ModelError;
use training::TrainingError;
use txt2img::Txt2ImgError;

/// One sentence for the job's owner; [`crate::failure`] says whose fault it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExecutionError {
    /// The model could not be read or written.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The training failed.
    #[error(transparent)]
    Training(#[from] TrainingError),
    /// A picture could not be drawn.
    #[error(transparent)]
    Txt2Img(#[from] Txt2ImgError),
    /// A file could not be written.
    #[error("{path} could not be written: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Shorthand of this crate.
pub type Result<T> = std::result::Result<T, ExecutionError>;

impl ExecutionError {
    /// True when nothing went wrong, but the work was left as it was told.
    pub fn is_stopped(&self) -> bool {
        matches!(self, Self::Training(TrainingError::Stopped) | Self::Txt2Img(Txt2ImgError::Stopped))
    }
}
