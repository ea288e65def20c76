//! A short training of the tiny model with one field changed, and what it came to.

use std::sync::OnceLock;

use protocol::{JobEvent, Stage};
use serde_json::{Value, json};
use training::report::StageReport;
use training::{NamedTensors, Report};

use crate::support::{Workshop, bits};

/// The bits of all weights of a network.
pub(crate) type Bits = Vec<Vec<u32>>;

/// What a training came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) report: Report,
    /// Absent when the network was not trained.
    pub(crate) text_encoder: Option<Bits>,
    pub(crate) unet: Option<Bits>,
    /// Images that the VAE encoded.
    pub(crate) encoded: usize,
}

impl Outcome {
    /// The training of a workshop.
    pub(crate) fn of(workshop: &Workshop, changes: &Value) -> Self {
        let (trained, events) = workshop.run(changes);
        let trained = trained.unwrap();
        let bits = |network: &Option<NamedTensors>| network.as_ref().map(|network| bits(network));
        let is_image = |event: &&JobEvent| matches!(event, JobEvent::Step { stage: Stage::Prepare, .. });
        Self {
            text_encoder: bits(&trained.text_encoder),
            unet: bits(&trained.unet),
            report: trained.report,
            encoded: events.iter().filter(is_image).count(),
        }
    }

    fn stage(&self, stage: Stage) -> &StageReport {
        self.report.stages.iter().find(|report| report.stage == stage).unwrap()
    }

    pub(crate) fn text(&self) -> &StageReport {
        self.stage(Stage::Text)
    }

    pub(crate) fn unet(&self) -> &StageReport {
        self.stage(Stage::Unet)
    }

    pub(crate) fn captions(&self) -> Vec<&str> {
        self.report.images.iter().map(|image| image.caption.as_str()).collect()
    }

    /// Asserts that every bit of losses and weights is the other's.
    pub(crate) fn assert_same(&self, other: &Self) {
        assert!(self.is_same(other), "{:?} are not {:?}", self.losses(), other.losses());
    }

    /// Whether every bit of losses and weights is the other's.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.losses() == other.losses() && self.text_encoder == other.text_encoder && self.unet == other.unet
    }

    /// Of all stages.
    pub(crate) fn losses(&self) -> Vec<&[f64]> {
        self.report.stages.iter().map(|stage| stage.losses.as_slice()).collect()
    }
}

/// The shortest training with these fields changed.
pub(crate) fn with(changes: &Value) -> Outcome {
    Outcome::of(&Workshop::new(), changes)
}

/// The shortest training as it is: three steps of each stage.
pub(crate) fn plain() -> &'static Outcome {
    static PLAIN: OnceLock<Outcome> = OnceLock::new();
    PLAIN.get_or_init(|| with(&json!({})))
}

/// The losses of a UNet that stays as it is, under the captions of an encoder that does, too: each step's depends on nothing
/// but what it is shown.
pub(crate) fn still(changes: &Value) -> Vec<f64> {
    still_in(&Workshop::new(), changes)
}

/// [`still`] on the photos of a workshop.
pub(crate) fn still_in(workshop: &Workshop, changes: &Value) -> Vec<f64> {
    let mut all = json!({"text_steps": 0, "unet_learning_rate": 0});
    all.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    Outcome::of(workshop, &all).report.stages.pop().unwrap().losses
}
