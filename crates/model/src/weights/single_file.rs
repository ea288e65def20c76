//! One file with all three networks under their original names: `.safetensors` or `.ckpt`.
//!
//! EMA copies (`model_ema.*`) and schedule buffers are ignored, as in the original worker: the plain weights are used.

use std::path::Path;

use engine::tch::Tensor;

use super::embedded_config;
use super::inferred_config::infer;
use super::key_map::{KeyMap, TEXT_PREFIX, UNET_PREFIX, VAE_PREFIX};
use super::tensor_file::{TensorFile, format_error, open, read_as};
use super::{Part, WeightSource};
use crate::config::ModelConfig;
use crate::error::{ModelError, Result};

/// The weights of a single-file checkpoint, and its configuration.
#[derive(Debug)]
pub struct SingleFileSource {
    file: Box<dyn TensorFile>,
    keys: KeyMap,
    config: ModelConfig,
}

impl SingleFileSource {
    /// Opens `path` and reads its table of tensors. The configuration is the one that the file holds, as every export of
    /// ours does, and is inferred from the tensors' shapes where there is none.
    ///
    /// # Errors
    /// When the file is damaged, of another format, or not a Stable Diffusion 1.x model.
    pub fn open(path: &Path) -> Result<Self> {
        let file = open(path)?;
        check_parts(file.as_ref())?;
        let config = configuration(file.as_ref()).map_err(|reason| format_error(path, reason))?;
        Ok(Self { keys: KeyMap::new(&config), config, file })
    }

    /// Opens `path` as a model whose sizes are known, for one that departs from the rules of
    /// [`inferred_config`](super::inferred_config).
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_as(path: &Path, config: ModelConfig) -> Result<Self> {
        let file = open(path)?;
        check_parts(file.as_ref())?;
        Ok(Self { keys: KeyMap::new(&config), config, file })
    }

    /// What the file says of itself, or what its tensors imply.
    #[must_use]
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }
}

impl WeightSource for SingleFileSource {
    fn tensor(&self, part: Part, name: &str, shape: &[i64]) -> Result<Tensor> {
        let Some(original) = self.keys.original(part, name) else {
            return Err(ModelError::MissingTensor { path: self.file.path().to_owned(), name: name.to_owned() });
        };
        let other = without_text_model(&original).filter(|other| self.file.shape(other).is_some());
        let stored = other.filter(|_| self.file.shape(&original).is_none());
        read_as(self.file.as_ref(), stored.as_deref().unwrap_or(&original), shape)
    }
}

fn configuration(file: &dyn TensorFile) -> std::result::Result<ModelConfig, String> {
    let inferred = infer(&|name| find_shape(file, name))?;
    match file.model_config() {
        Some(text) => embedded_config::read(text, &inferred),
        None => inferred.check().map(|()| inferred),
    }
}

/// Very old merges lack `text_model.` in the text encoder's names.
fn without_text_model(original: &str) -> Option<String> {
    let rest = original.strip_prefix(TEXT_PREFIX)?.strip_prefix("text_model.")?;
    Some(format!("{TEXT_PREFIX}{rest}"))
}

fn find_shape(file: &dyn TensorFile, name: &str) -> Option<Vec<i64>> {
    let shape = file.shape(name).map(<[i64]>::to_vec);
    shape.or_else(|| file.shape(&without_text_model(name)?).map(<[i64]>::to_vec))
}

/// Says what a file is when it is not a whole Stable Diffusion 1.x model.
fn check_parts(file: &dyn TensorFile) -> Result<()> {
    let names = file.names();
    let has = |prefix: &str| names.iter().any(|name| name.starts_with(prefix));
    let reason = if has("conditioner.embedders.") {
        "it is a Stable Diffusion XL model; only Stable Diffusion 1.x is supported"
    } else if has("cond_stage_model.model.") {
        "it is a Stable Diffusion 2.x model; only Stable Diffusion 1.x is supported"
    } else if has("lora_") || names.iter().any(|name| name.contains(".lora_")) {
        "it is a LoRA, not a whole model; give a full Stable Diffusion 1.x checkpoint"
    } else if !has(UNET_PREFIX) {
        "it has no UNet (model.diffusion_model.*); give a full Stable Diffusion 1.x checkpoint in the original naming"
    } else if !has(TEXT_PREFIX) {
        "it has no text encoder (cond_stage_model.transformer.*); give a full Stable Diffusion 1.x checkpoint"
    } else if !has(VAE_PREFIX) {
        "it has no VAE (first_stage_model.*); give a checkpoint with the VAE baked in"
    } else {
        return Ok(());
    };
    Err(format_error(file.path(), reason))
}
