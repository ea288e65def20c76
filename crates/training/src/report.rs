//! `train.json`: what was trained, on what, and how it went.

use protocol::{Stage, TrainSettings};
use serde::Serialize;

use crate::dataset::Photo;

/// The report of a training, written beside the model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The base model, as it was named.
    pub base_model: String,
    /// `cpu`, `cuda:0`, …
    pub device: String,
    /// The widest vector instructions of the CPU: `AVX2`, `AVX-512`, …
    pub processor: String,
    /// What the networks computed in; weights were always fp32.
    pub precision: String,
    /// The settings of the request; nothing in them is secret.
    pub parameters: TrainSettings,
    /// The images in the order the seed counts on.
    pub images: Vec<ImageReport>,
    /// How long decoding and encoding the images took, in seconds.
    pub prepare_s: f64,
    /// The most memory the process held while decoding and encoding, in bytes.
    pub prepare_peak_rss_bytes: u64,
    /// The stages that ran, in their order.
    pub stages: Vec<StageReport>,
    /// How long all of it took, in seconds.
    pub total_s: f64,
}

/// An image and what it was trained as.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ImageReport {
    /// Its path in the data set.
    pub file: String,
    /// Its caption.
    pub caption: String,
}

impl From<&Photo> for ImageReport {
    fn from(photo: &Photo) -> Self {
        Self { file: photo.name.display().to_string(), caption: photo.caption.clone() }
    }
}

/// One stage, step by step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageReport {
    /// `text` or `unet`.
    pub stage: Stage,
    /// Steps done.
    pub steps: u64,
    /// Numbers that were trained.
    pub trained_parameters: u64,
    /// The loss of each step.
    pub losses: Vec<f64>,
    /// The gradient norm of each step, before clipping.
    pub gradient_norms: Vec<f64>,
    /// The learning rate of each step.
    pub learning_rates: Vec<f64>,
    /// How long its steps took, in seconds.
    pub seconds: f64,
    /// Steps per second.
    pub its_per_s: f64,
    /// The most memory the process held during the stage, in bytes.
    pub peak_rss_bytes: u64,
    /// The most memory of the accelerator held during the stage, in bytes; absent on the CPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_device_bytes: Option<u64>,
}
