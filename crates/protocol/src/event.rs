//! What a running job reports.

use serde::{Deserialize, Deserializer, Serialize};

/// The parts of a job, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The zip and the base model are brought in.
    Download,
    /// Images are decoded, captioned and encoded to latents.
    Prepare,
    /// The text encoder is trained.
    Text,
    /// The UNet is trained.
    Unet,
    /// The model is written as single files.
    Export,
    /// The pictures are drawn.
    Inference,
    /// Files go to the artifact store.
    Upload,
}

impl Stage {
    /// The word that travels and that a progress bar shows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Download => "download",
            Self::Prepare => "prepare",
            Self::Text => "text",
            Self::Unet => "unet",
            Self::Export => "export",
            Self::Inference => "inference",
            Self::Upload => "upload",
        }
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
    /// A picture was drawn.
    Image {
        /// Index in `input.inference`.
        item: usize,
        /// Index in the item's `images`.
        index: usize,
        /// Its seed.
        seed: u64,
    },
    /// Something the owner should know that did not stop the job.
    Warning {
        /// One sentence.
        message: String,
    },
    /// An attempt was lost with its worker; the job goes back to the queue.
    AttemptLost {
        /// Which attempt, from 1.
        attempt: i64,
        /// One sentence.
        message: String,
    },
}

/// JSON has no infinity: the estimates of a first step that took no measurable time travel as null.
fn null_as_zero<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
