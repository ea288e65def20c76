//! The wire between the supervisor and its child: one JSON object a line, commands on the child's standard input,
//! messages on its standard output. The child holds the device and knows no network, no store and no secret.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::event::FileContent;
use crate::{Failure, JobEvent, JobId, JobOutput, TrainSettings, Txt2ImgParams};

/// What the child is to do, with every file already in place. None of its types can hold a secret: what travels to the
/// child are settings and paths.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assignment {
    /// The job's id; it names the model in the infotext.
    pub job: JobId,
    /// The base model, as the command line writes it (`mini`, a path, `random:…`).
    pub model: String,
    /// Training settings and the folder of unpacked images.
    pub train: Option<TrainAssignment>,
    /// What to draw.
    pub inference: Vec<Txt2ImgParams>,
    /// The folder for the files to make. What an earlier attempt finished there is not made again.
    pub out_dir: PathBuf,
    /// A folder for what is needed meanwhile; it lies on the same disk and outlives the attempt.
    pub scratch_dir: PathBuf,
}

/// The training part of an [`Assignment`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainAssignment {
    /// How to train.
    pub settings: TrainSettings,
    /// The unpacked images.
    pub images_dir: PathBuf,
    /// Unpacked images of the class, if the request brought any.
    #[serde(default)]
    pub class_images_dir: Option<PathBuf>,
    /// Where pictures of classes that base models draw are kept for other jobs.
    #[serde(default)]
    pub class_cache_dir: Option<PathBuf>,
    /// Steps between two checkpoints; absent, so many that writing them costs at most 5 % of the time.
    #[serde(default)]
    pub checkpoint_steps: Option<u32>,
    /// What judges the sample pictures.
    #[serde(default)]
    pub fidelity: FidelityModels,
}

/// The weights that judge how like its concept a trained model draws. Without any, nothing is judged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FidelityModels {
    /// The folder of CLIP's, as transformers saves it.
    pub clip_dir: Option<PathBuf>,
    /// The folder of DINO's, likewise.
    pub dino_dir: Option<PathBuf>,
}

impl FidelityModels {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.clip_dir.is_none() && self.dino_dir.is_none()
    }
}

/// A line to the child. End of input means: end at once, the supervisor is gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum SupervisorMessage {
    /// Do this job; answered by exactly one `Done`, `Failed` or `Stopped`.
    Run(Box<Assignment>),
    /// Leave the running job at the next step in a state from which it can go on, answer `Stopped`, and stay.
    FinishSoon,
    /// Drop the running job at the next step, answer `Stopped`, and stay.
    Cancel,
    /// End in good order; a running job is dropped.
    End,
}

/// A line from the child. The tag is `message`, a key that none of the contents has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "message", content = "content", rename_all = "snake_case")]
pub enum ChildMessage {
    /// The child is up.
    Ready {
        /// `cpu`, `cuda:0`, …
        device: String,
    },
    /// The child cannot begin at all; it ends after this.
    Unable(Failure),
    /// Progress of the running job.
    Event(JobEvent),
    /// A file of `out_dir` is complete, on disk, and will not change.
    File(MadeFile),
    /// The job is done; every file named lies in `out_dir`.
    Done(JobOutput<String>),
    /// The job, or this attempt at it, failed.
    Failed(Failure),
    /// The job was left as it was told.
    Stopped,
}

/// A finished file, by its plain name in `out_dir`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeFile {
    /// The file's name.
    pub file: String,
    /// What it is.
    #[serde(flatten)]
    pub content: FileContent,
}
