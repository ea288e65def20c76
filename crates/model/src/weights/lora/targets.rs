//! Which weight a module changes.

use std::collections::HashMap;

use crate::config::ModelConfig;
use crate::error::Result;
use crate::weights::key_map::{KeyMap, UNET_PREFIX};
use crate::weights::{Part, TensorSpec, inventory};

/// Before the names of the UNet's modules.
pub(super) const UNET: &str = "lora_unet_";
/// Before those of the text encoder's.
pub(super) const TEXT_ENCODER: &str = "lora_te_";

/// The weights of a model that can be changed, by the names of their modules.
#[derive(Debug)]
pub(super) struct Targets(HashMap<String, TensorSpec>);

impl Targets {
    /// Every matrix and convolution of the UNet and the text encoder.
    pub(super) fn new(config: &ModelConfig) -> Result<Self> {
        let keys = KeyMap::new(config);
        let mut targets = HashMap::new();
        for spec in inventory(config)?.into_iter().filter(|spec| spec.part != Part::Vae && spec.shape.len() > 1) {
            // Some trainers name the UNet's layers as the original does.
            if let Some(original) = (spec.part == Part::Unet).then(|| keys.original(spec.part, &spec.name)).flatten() {
                let original = original.strip_prefix(UNET_PREFIX).unwrap_or(&original);
                targets.insert(module(Part::Unet, original), spec.clone());
            }
            targets.insert(module(spec.part, &spec.name), spec);
        }
        Ok(Self(targets))
    }

    /// The weight that a module of this name changes.
    pub(super) fn find(&self, module: &str) -> Option<&TensorSpec> {
        self.0.get(module)
    }
}

/// kohya's name of the module that changes a weight, or of a layer: its path, with underscores for points.
pub(super) fn module(part: Part, path: &str) -> String {
    let prefix = if part == Part::TextEncoder { TEXT_ENCODER } else { UNET };
    format!("{prefix}{}", path.strip_suffix(".weight").unwrap_or(path).replace('.', "_"))
}
