//! The wire between the supervisor and its child: one JSON object a line, commands on the child's standard input,
//! messages on its standard output. The child holds the device and knows no network, no store and no secret.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{JobEvent, JobId, TrainParams, Txt2ImgParams};

/// What the child is to do, with every file already in place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assignment {
    /// The job's id; it names the model in the infotext.
    pub job: JobId,
    /// The base model, as the command line writes it (`mini`, a path, `random:…`).
    pub model: String,
    /// Training parameters and the folder of unpacked images.
    pub train: Option<TrainAssignment>,
    /// What to draw.
    pub inference: Vec<Txt2ImgParams>,
    /// An empty folder for the files to make.
    pub out_dir: PathBuf,
}

/// The training part of an [`Assignment`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainAssignment {
    /// The parameters, without the URL and the token they came with.
    pub params: TrainParams,
    /// The unpacked images.
    pub images_dir: PathBuf,
}

/// A line to the child. End of input means: stop at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum SupervisorMessage {
    /// Do this job; answered by exactly one `Done` or `Failed`.
    Run(Box<Assignment>),
}

/// A line from the child. The tag is `kind`, because `message` and `event` are keys of [`JobEvent`], which shares its
/// object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ChildMessage {
    /// The child is up, with this device.
    Ready {
        /// `cpu`, `cuda:0`, …
        device: String,
    },
    /// Progress of the running job.
    Event(JobEvent),
    /// The job is done; the named files lie in `out_dir`.
    Done(ChildOutput),
    /// The job failed for a reason that a second attempt would meet again.
    Failed {
        /// One sentence for the job's owner.
        error: String,
    },
}

/// The files the child made, by their plain names in `out_dir`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ChildOutput {
    /// One entry per item of `inference`.
    pub inference: Vec<ChildImages>,
    /// The trained model's files; absent when nothing was trained.
    pub train: Option<ChildModel>,
}

/// The answer to one item of `inference`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChildImages {
    /// PNG file names in the order of their seeds.
    pub images: Vec<String>,
    /// The request object with its defaults.
    pub parameters: serde_json::Value,
    /// JSON text with the resolved values.
    pub info: String,
}

/// The trained model's files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChildModel {
    /// File name of the `.ckpt`.
    pub checkpoint: String,
    /// File name of the `.safetensors`.
    pub safetensors: String,
    /// File name of the report.
    pub report: String,
}
