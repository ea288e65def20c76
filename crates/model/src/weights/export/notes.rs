//! What an exported file says of itself beside its weights: where it comes from and how it was made.
//!
//! The keys that other programs show are those of the ModelSpec standard (<https://github.com/Stability-AI/ModelSpec>); what
//! it has no key for stands under `dreambooth.`. Nothing here changes from run to run unless it is passed in, so the same
//! training gives the same file.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::config::{ModelConfig, PredictionType};
use crate::weights::embedded_config;

/// Which program wrote a file, and its version.
const PROGRAM: &str = concat!("dreambooth ", env!("CARGO_PKG_VERSION"));

/// The SHA-256 of the tensors' bytes as they stand in the file, without its header, in hexadecimal behind `0x`. It is what
/// kohya's `sshs_model_hash` and AUTOMATIC1111's hash of a LoRA are, too, and the same in both single-file formats.
pub(in crate::weights) const HASH: &str = "modelspec.hash_sha256";

/// Where a model comes from. Everything may be left away.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExportNotes {
    /// The names that were taught, in their order: `dreambooth.concepts`, and the phrase that triggers a LoRA.
    pub concepts: Vec<String>,
    /// The model that training started from, as its user wrote it.
    pub base_model: Option<String>,
    /// The settings of the request. No secret belongs here: whoever gets the file reads them.
    pub settings: Option<Value>,
    /// Width and height of the pictures it was trained on.
    pub resolution: Option<(i64, i64)>,
    /// Whether these are the averaged weights.
    pub ema: bool,
    /// The version of libtorch that computed it.
    pub libtorch: Option<String>,
    /// When it was made, as ISO 8601 has it. It makes two files of one training differ.
    pub date: Option<String>,
}

impl ExportNotes {
    /// The title of a model that nobody named: its concepts, or its base.
    pub(in crate::weights) fn title(&self) -> String {
        match (self.concepts.as_slice(), &self.base_model) {
            ([], Some(base)) => base.clone(),
            ([], None) => "Stable Diffusion 1.x".to_owned(),
            (concepts, _) => concepts.join(", "),
        }
    }

    /// `512x512`
    pub(in crate::weights) fn resolution(&self) -> (i64, i64) {
        /// What Stable Diffusion 1.x is made for.
        const USUAL: (i64, i64) = (512, 512);
        self.resolution.unwrap_or(USUAL)
    }

    /// Everything but the hash, for a whole model. The error is a reason for a person.
    pub(in crate::weights) fn texts(&self, config: &ModelConfig) -> Result<BTreeMap<String, String>, String> {
        let mut texts = self.provenance(config);
        texts.insert(embedded_config::KEY.to_owned(), embedded_config::write(config)?);
        let architecture = ("stable-diffusion-v1", "https://github.com/Stability-AI/generative-models");
        texts.extend(self.model_spec(config, architecture));
        Ok(texts)
    }

    /// What has no key elsewhere.
    pub(in crate::weights) fn provenance(&self, config: &ModelConfig) -> BTreeMap<String, String> {
        let concepts = (!self.concepts.is_empty()).then(|| json!(self.concepts).to_string());
        let prediction_type = config.schedule.prediction_type.as_str().to_owned();
        named([
            ("dreambooth.version", Some(PROGRAM.to_owned())),
            ("dreambooth.prediction_type", Some(prediction_type)),
            ("dreambooth.concepts", concepts),
            ("dreambooth.base_model", self.base_model.clone()),
            ("dreambooth.settings", self.settings.as_ref().map(Value::to_string)),
            ("dreambooth.ema", self.ema.then(|| "true".to_owned())),
            ("dreambooth.libtorch", self.libtorch.clone()),
        ])
    }

    /// ModelSpec's keys; of an architecture, and of the implementation whose names the tensors have.
    pub(in crate::weights) fn model_spec(
        &self,
        config: &ModelConfig,
        (architecture, implementation): (&str, &str),
    ) -> BTreeMap<String, String> {
        let (width, height) = self.resolution();
        let prediction_type = match config.schedule.prediction_type {
            PredictionType::Epsilon => "epsilon",
            PredictionType::VPrediction => "v",
        };
        let trigger = (!self.concepts.is_empty()).then(|| self.concepts.join(", "));
        named([
            ("modelspec.sai_model_spec", Some("1.0.0".to_owned())),
            ("modelspec.architecture", Some(architecture.to_owned())),
            ("modelspec.implementation", Some(implementation.to_owned())),
            ("modelspec.title", Some(self.title())),
            ("modelspec.resolution", Some(format!("{width}x{height}"))),
            ("modelspec.prediction_type", Some(prediction_type.to_owned())),
            ("modelspec.trigger_phrase", trigger),
            ("modelspec.date", self.date.clone()),
        ])
    }
}

fn named<const N: usize>(texts: [(&str, Option<String>); N]) -> BTreeMap<String, String> {
    texts.into_iter().filter_map(|(key, text)| Some((key.to_owned(), text?))).collect()
}
