//! What a running job reports.

use names::names;
use serde::{Deserialize, Deserializer, Serialize};

use crate::ArtifactRef;

names! {
    /// The parts of a job, in their order.
    pub enum Stage: "stage" {
        /// The zip and the base model are brought in.
        Download = "download",
        /// Images are decoded, captioned and encoded to latents.
        Prepare = "prepare",
        /// The text encoder is trained.
        Text = "text",
        /// The UNet is trained.
        Unet = "unet",
        /// The model is written as single files.
        Export = "export",
        /// The pictures are drawn.
        Inference = "inference",
        /// Files go to the artifact store.
        Upload = "upload",
    }
}

/// One report of a running job; the newest is the job's `output` while it is `IN_PROGRESS`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum JobEvent {
    /// A stage began.
    Stage {
        /// Which one.
        stage: Stage,
    },
    /// A step of a stage ended.
    Step {
        /// Which stage.
        stage: Stage,
        /// Steps done, from 1.
        step: u64,
        /// Steps in all.
        total: u64,
        /// The step's training loss.
        #[serde(skip_serializing_if = "Option::is_none")]
        loss: Option<f64>,
        /// Steps per second over the stage so far.
        #[serde(deserialize_with = "null_as_zero")]
        its_per_s: f64,
        /// Estimated time until the stage ends, in seconds.
        #[serde(deserialize_with = "null_as_zero")]
        seconds_left: f64,
    },
    /// A file is finished and can be had while the job goes on.
    File {
        /// The file.
        file: ArtifactRef,
        /// What it is.
        #[serde(flatten)]
        content: FileContent,
    },
    /// Something the owner should know that did not stop the job.
    Warning {
        /// One sentence.
        message: String,
    },
    /// Something that was decided on the owner's behalf, or is good to know.
    Note {
        /// One sentence.
        message: String,
    },
    /// How well the model does on noise and timesteps that it is never trained on.
    Validation {
        /// The stage that is being trained.
        stage: Stage,
        /// Its steps done.
        step: u64,
        /// The mean loss.
        loss: f64,
    },
    /// An attempt was lost with its worker; the job goes back to the queue.
    AttemptLost {
        /// Which attempt, from 1.
        attempt: i64,
        /// One sentence.
        message: String,
    },
}

/// What a file of a job is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FileContent {
    /// A picture in the making.
    Preview {
        /// Index in `input.inference`.
        item: usize,
        /// Sampling steps done, from 1.
        step: u64,
    },
    /// A picture drawn in the middle of a training.
    Sample {
        /// The stage that is being trained.
        stage: Stage,
        /// Its steps done, from 1.
        step: u64,
    },
    /// From which an interrupted training goes on.
    Checkpoint {
        /// The stage that is being trained.
        stage: Stage,
        /// Its steps done, from 1.
        step: u64,
    },
    /// A finished picture.
    Image {
        /// Index in `input.inference`.
        item: usize,
        /// Index in the item's `images`.
        index: usize,
        /// Its seed.
        seed: u64,
    },
    /// The trained model.
    Model,
    /// How the training went.
    Report,
}

/// JSON has no infinity: the estimates of a first step that took no measurable time travel as null.
fn null_as_zero<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
