//! One file with all three networks under their original names: `.safetensors` or `.ckpt`.
//!
//! Schedule buffers are ignored. Of a file with averaged weights (`model_ema.*`) the UNet's plain ones are used, as in the
//! original worker, unless the averages are asked for.

use std::path::Path;

use engine::tch::Tensor;

use super::embedded_config;
use super::inferred_config::infer;
use super::key_map::{EMA_PREFIX, KeyMap, TEXT_PREFIX, averaged};
use super::recognition::require_sd1;
use super::tensor_file::{TensorFile, format_error, open, open_embedded, read_as};
use super::{Part, WeightSource};
use crate::config::{ModelConfig, PredictionType, ScheduleConfig};
use crate::error::{ModelError, Result};

/// The weights of a single-file checkpoint, and its configuration.
#[derive(Debug)]
pub struct SingleFileSource {
    file: Box<dyn TensorFile>,
    keys: KeyMap,
    config: ModelConfig,
    /// Whether the UNet is made of averages.
    ema: bool,
}

impl SingleFileSource {
    /// Opens `path` and reads its table of tensors. The configuration is the one that the file holds, as every export of
    /// ours does, and is inferred from the tensors' shapes where there is none.
    ///
    /// # Errors
    /// When the file is damaged, of another format, or not a Stable Diffusion 1.x model.
    pub fn open(path: &Path) -> Result<Self> {
        Self::of(open(path)?)
    }

    /// As [`Self::open`], of a `.safetensors` file that the program has in itself; `name` is what sentences call it.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn embedded(name: &str, bytes: &'static [u8]) -> Result<Self> {
        Self::of(open_embedded(name, bytes)?)
    }

    fn of(file: Box<dyn TensorFile>) -> Result<Self> {
        require_sd1(file.as_ref())?;
        let config = configuration(file.as_ref()).map_err(|reason| format_error(file.path(), reason))?;
        Ok(Self { keys: KeyMap::new(&config), config, file, ema: false })
    }

    /// As [`Self::open`], with the UNet's averaged weights (EMA) in place of its plain ones.
    ///
    /// # Errors
    /// Also when the file has none.
    pub fn open_ema(path: &Path) -> Result<Self> {
        let source = Self::open(path)?;
        if !source.file.names().iter().any(|name| name.starts_with(EMA_PREFIX)) {
            let reason =
                "it has no EMA weights (model_ema.*); leave ckpt_ema or @ema out, or give a checkpoint that has them";
            return Err(format_error(path, reason));
        }
        Ok(Self { ema: true, ..source })
    }

    /// Opens `path` as a model whose sizes are known, for one that departs from the rules of
    /// [`inferred_config`](super::inferred_config).
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_as(path: &Path, config: ModelConfig) -> Result<Self> {
        let file = open(path)?;
        require_sd1(file.as_ref())?;
        Ok(Self { keys: KeyMap::new(&config), config, file, ema: false })
    }

    /// What the file says of itself, or what its tensors imply.
    #[must_use]
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The name in the file of a weight with this original name.
    fn stored(&self, original: String) -> String {
        let other = if self.ema { averaged(&original) } else { without_text_model(&original) };
        let is_there = |name: &String| self.file.shape(name).is_some();
        match other {
            // A missing average is missed: no plain weight stands in for it.
            Some(other) if self.ema || (!is_there(&original) && is_there(&other)) => other,
            _ => original,
        }
    }
}

impl WeightSource for SingleFileSource {
    fn tensor(&self, part: Part, name: &str, shape: &[i64]) -> Result<Tensor> {
        let Some(original) = self.keys.original(part, name) else {
            return Err(ModelError::MissingTensor { path: self.file.path().to_owned(), name: name.to_owned() });
        };
        read_as(self.file.as_ref(), &self.stored(original), shape)
    }
}

fn configuration(file: &dyn TensorFile) -> std::result::Result<ModelConfig, String> {
    let inferred = infer(&|name| find_shape(file, name))?;
    match file.model_config() {
        Some(text) => embedded_config::read(text, &inferred),
        None => {
            let prediction_type = said_prediction(file)?;
            let config = ModelConfig { schedule: ScheduleConfig { prediction_type, ..inferred.schedule }, ..inferred };
            config.check().map(|()| config)
        }
    }
}

/// An empty tensor of this name in a checkpoint says that it predicts v: no shape tells, and makers of such models agreed
/// on it (ComfyUI and Forge read it).
const V_PREDICTION_MARK: &str = "v_pred";
/// Beside it: noise up to zero signal.
const ZERO_SNR_MARK: &str = "ztsnr";

/// What a file without a configuration of ours says of its prediction.
fn said_prediction(file: &dyn TensorFile) -> std::result::Result<PredictionType, String> {
    if file.shape(ZERO_SNR_MARK).is_some() {
        return Err(format!(
            "it was trained with zero terminal SNR (its entry {ZERO_SNR_MARK}), which is not supported; choose another model"
        ));
    }
    let says_v = matches!(file.prediction_type(), Some("v" | "v_prediction"));
    let has_mark = file.shape(V_PREDICTION_MARK).is_some();
    Ok(if says_v || has_mark { PredictionType::VPrediction } else { PredictionType::Epsilon })
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
