//! What was trained, on what, and how it went: the data of `train.json`, and the page that shows it.
//!
//! # Layout
//! - [`Report`], [`StageReport`], [`ImageReport`]: `train.json`
//! - [`page`](page()): `train.html`

mod images;
mod page;

use engine::tch::Kind;
use protocol::{FloatKind, Stage, TrainSettings};
use serde::{Deserialize, Serialize};

use crate::checkpoint::History;
use crate::dataset::{LeftOut, Remark};
use crate::exported::ExportedWeights;
use crate::fidelity::Fidelity;
use crate::networks::Layout;
use crate::recipe::Recipe;
use crate::samples::SampleReport;
use crate::stage::StepRecord;
use crate::validation::{MeasuredOn, ValidationPoint};

pub use images::{ImageReport, Preview};
pub use page::page;

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
    /// The fields that follow the profile, as they were resolved.
    pub recipe: Recipe,
    /// The images in the order the seed counts on.
    pub images: Vec<ImageReport>,
    /// The photos that only tell how far the concept is learnt.
    pub held_out: Vec<ImageReport>,
    /// The images of the classes, given and drawn.
    pub class_images: Vec<ImageReport>,
    /// Pictures of the data set that could not be used, and why.
    pub left_out: Vec<LeftOut>,
    /// What the owner of the images should know about them.
    pub remarks: Vec<Remark>,
    /// How long decoding and encoding the images took, in seconds.
    pub prepare_s: f64,
    /// The most memory the process held while decoding and encoding, in bytes.
    pub prepare_peak_rss_bytes: u64,
    /// The stages that ran, in their order.
    pub stages: Vec<StageReport>,
    /// Which weights are exported.
    pub exported_weights: ExportedWeights,
    /// How far the concept was learnt; absent when the training was too short to be measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learnt: Option<Learnt>,
    /// How like the concept the sample pictures are; absent without the weights that judge them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fidelity: Option<Fidelity>,
    /// How long writing the model took, in seconds; absent before it is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub export_s: Option<f64>,
    /// How long all of it took, in seconds, without what was lost by interruptions.
    pub total_s: f64,
    /// How often it was interrupted and went on from a checkpoint.
    pub resumed: u32,
}

impl Report {
    /// The model is written, which took `seconds`.
    pub fn exported(&mut self, seconds: f64) {
        self.export_s = Some(seconds);
        self.total_s += seconds;
    }

    /// The sample pictures are judged, which took `seconds`.
    pub fn judged(&mut self, fidelity: Option<Fidelity>, seconds: f64) {
        self.fidelity = fidelity;
        self.total_s += seconds;
    }

    /// The training goes on after this.
    pub(crate) fn go_on(&mut self, history: History) {
        let History { stages, seconds, resumed } = history;
        self.stages = stages;
        self.total_s = seconds;
        self.resumed = resumed;
    }
}

/// A mean denoising loss before the first step of a training and after the last one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct BeforeAfter {
    /// Of the base model.
    pub before: f64,
    /// Of the trained one.
    pub after: f64,
}

/// How far the concept was learnt, over the same noise and timesteps before and after. On held-out photos, a loss that falls
/// says that the concept is learnt, and one that rises again that the photos are learnt by heart; on images of the class, a
/// loss that rises says that the class is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Learnt {
    /// On photos of the concept.
    pub concept: BeforeAfter,
    /// Which photos these are.
    pub on: MeasuredOn,
    /// On images of the class, if there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<BeforeAfter>,
}

impl Learnt {
    /// From the first measurement of the first stage to the last one of the last; `None` without two of them.
    pub(crate) fn of(stages: &[StageReport], on: MeasuredOn) -> Option<Self> {
        let mut points = stages.iter().flat_map(|stage| &stage.validation);
        let (first, last) = (points.next()?, points.next_back()?);
        let class = first.class.zip(last.class).map(|(before, after)| BeforeAfter { before, after });
        Some(Self { concept: BeforeAfter { before: first.concept, after: last.concept }, on, class })
    }
}

/// One stage, step by step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// The validation losses, from step 0 on.
    pub validation: Vec<ValidationPoint>,
    /// The sample pictures.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<SampleReport>,
    /// How long its steps took, in seconds.
    pub seconds: f64,
    /// Steps per second.
    pub its_per_s: f64,
    /// Seconds per step, measurements, sample pictures and checkpoints in between counted in.
    #[serde(default)]
    pub seconds_per_step: f64,
    /// How its networks lay in memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_layout: Option<LayoutReport>,
    /// The most memory the process held during the stage, in bytes.
    pub peak_rss_bytes: u64,
    /// The most memory of the accelerator held during the stage, in bytes; absent on the CPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_device_bytes: Option<u64>,
}

impl StageReport {
    /// A stage before its first step.
    pub(crate) fn new(stage: Stage, steps: u64, trained_parameters: u64) -> Self {
        Self {
            stage,
            steps,
            trained_parameters,
            losses: Vec::new(),
            gradient_norms: Vec::new(),
            learning_rates: Vec::new(),
            validation: Vec::new(),
            samples: Vec::new(),
            seconds: 0.0,
            its_per_s: 0.0,
            seconds_per_step: 0.0,
            memory_layout: None,
            peak_rss_bytes: 0,
            peak_device_bytes: None,
        }
    }

    /// Takes down a step.
    pub(crate) fn take(&mut self, step: StepRecord) {
        self.losses.push(step.loss);
        self.gradient_norms.push(step.gradient_norm);
        self.learning_rates.push(step.learning_rate);
    }
}

/// How the networks of a stage lay in memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayoutReport {
    /// The dtype of heavy arithmetic.
    pub compute: FloatKind,
    /// The dtype of the gradients.
    pub gradients: FloatKind,
    /// Whether activations were computed again in the backward pass instead of kept.
    pub recomputed: bool,
    /// Whether the optimizer was 8-bit Adam.
    pub adam_8_bit: bool,
    /// What the memory that was free had to do with that, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl LayoutReport {
    /// Of `layout`, with what is told of it.
    pub(crate) fn of(layout: &Layout, adam_8_bit: bool, note: Option<String>) -> Self {
        let named = |kind| if kind == Kind::BFloat16 { FloatKind::Bf16 } else { FloatKind::Fp32 };
        let (compute, gradients) = (named(layout.compute), named(layout.gradients));
        Self { compute, gradients, recomputed: layout.recompute, adam_8_bit, note }
    }
}
