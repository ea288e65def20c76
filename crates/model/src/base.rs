//! The opened model that a [`ModelReference`] names. Opening reads configurations and tables of tensors; the weights of a
//! network are read when the network is asked for, and again when it is asked for again.

use std::fmt;
use std::path::Path;

use engine::tch::{Device, Kind};

use crate::config::ModelConfig;
use crate::error::{ModelError, Result};
use crate::layers::Loader;
use crate::mini;
use crate::options::LoadOptions;
use crate::reference::{ModelReference, RandomConfig};
use crate::schedule::NoiseSchedule;
use crate::text_encoder::TextEncoder;
use crate::tokenizer::Tokenizer;
use crate::unet::UNet;
use crate::vae::Vae;
use crate::weights::{
    ExportNotes, FolderSource, Lora, Merged, Multipliers, Part, RandomSource, SingleFileSource, WeightSource, export,
    export_diffusers,
};

/// A model that networks can be loaded from.
pub struct BaseModel {
    reference: ModelReference,
    config: ModelConfig,
    weights: Box<dyn WeightSource + Send + Sync>,
}

impl fmt::Debug for BaseModel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("BaseModel").field("reference", &self.reference).finish_non_exhaustive()
    }
}

impl BaseModel {
    /// Opens the model without loading any weights.
    ///
    /// # Errors
    /// When a file is absent, damaged or unsupported, or a Hub id was not downloaded before.
    pub fn open(reference: &ModelReference) -> Result<Self> {
        let (config, weights): (_, Box<dyn WeightSource + Send + Sync>) = match reference {
            ModelReference::Mini => return Self::embedded(ModelReference::Mini, mini::WEIGHTS),
            ModelReference::Random { config, seed } => (random_config(config)?, Box::new(RandomSource::new(*seed))),
            ModelReference::Folder(folder) => {
                (ModelConfig::from_folder(folder)?, Box::new(FolderSource::open(folder)?))
            }
            ModelReference::File(path) => {
                let source = SingleFileSource::open(path)?;
                (source.config().clone(), Box::new(source))
            }
            ModelReference::EmaFile(path) => {
                let source = SingleFileSource::open_ema(path)?;
                (source.config().clone(), Box::new(source))
            }
            ModelReference::Hub { .. } => return Err(ModelError::NotFetched(reference.to_string())),
        };
        Ok(Self { reference: reference.clone(), config, weights })
    }

    /// Opens a model that the program has in itself as a `.safetensors` file; `reference` is what users call it.
    ///
    /// # Errors
    /// As [`Self::open`] of a file.
    pub fn embedded(reference: ModelReference, bytes: &'static [u8]) -> Result<Self> {
        let source = SingleFileSource::embedded(&reference.to_string(), bytes)?;
        Ok(Self { reference, config: source.config().clone(), weights: Box::new(source) })
    }

    /// The model with `lora` added to its weights when they are read, as strong as these multipliers say. Its file stays as it
    /// is; networks that were loaded before do not change.
    #[must_use]
    pub fn merged(self, lora: &Lora, multipliers: Multipliers) -> Self {
        Self { weights: Box::new(Merged::new(self.weights).with(lora, multipliers)), ..self }
    }

    /// Sizes of the networks.
    #[must_use]
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The weights, in diffusers' names.
    #[must_use]
    pub fn weights(&self) -> &dyn WeightSource {
        self.weights.as_ref()
    }

    /// A short name for image parameters: the file's stem, the folder's name, or the reference itself.
    #[must_use]
    pub fn name(&self) -> String {
        let stem = match &self.reference {
            ModelReference::File(path) | ModelReference::EmaFile(path) => path.file_stem(),
            ModelReference::Folder(path) => path.file_name(),
            ModelReference::Mini | ModelReference::Hub { .. } | ModelReference::Random { .. } => None,
        };
        stem.map_or_else(|| self.reference.to_string(), |stem| stem.to_string_lossy().into_owned())
    }

    /// Whether the weights are random, so that pictures are noise.
    #[must_use]
    pub fn is_untrained(&self) -> bool {
        matches!(self.reference, ModelReference::Random { .. })
    }

    /// A line for whoever looks at the pictures, when there is something to know about them.
    #[must_use]
    pub fn note(&self) -> Option<String> {
        let reference = &self.reference;
        self.is_untrained()
            .then(|| format!("{reference} has untrained weights: everything runs, but its pictures show only noise"))
    }

    /// CLIP's tokenizer, which all Stable Diffusion 1.x models share.
    #[must_use]
    pub fn tokenizer(&self) -> Tokenizer {
        Tokenizer::clip()
    }

    /// The noise schedule.
    #[must_use]
    pub fn schedule(&self) -> NoiseSchedule {
        NoiseSchedule::new(&self.config.schedule)
    }

    /// Loads the text encoder to `device` as `kind`.
    ///
    /// # Errors
    /// When a tensor is absent, damaged or of another shape, or memory is short.
    pub fn text_encoder(&self, device: Device, kind: Kind) -> Result<TextEncoder> {
        self.text_encoder_with(device, &LoadOptions::all(kind))
    }

    /// Loads the text encoder to `device` as `options` say.
    ///
    /// # Errors
    /// As [`Self::text_encoder`], and when an adapter's rank is not positive.
    pub fn text_encoder_with(&self, device: Device, options: &LoadOptions) -> Result<TextEncoder> {
        TextEncoder::load(&self.config.text, self.loader(Part::TextEncoder, device, options))
    }

    /// Loads the UNet to `device` as `kind`.
    ///
    /// # Errors
    /// As [`Self::text_encoder`].
    pub fn unet(&self, device: Device, kind: Kind) -> Result<UNet> {
        self.unet_with(device, &LoadOptions::all(kind))
    }

    /// Loads the UNet to `device` as `options` say.
    ///
    /// # Errors
    /// As [`Self::text_encoder_with`].
    pub fn unet_with(&self, device: Device, options: &LoadOptions) -> Result<UNet> {
        UNet::load(&self.config.unet, self.loader(Part::Unet, device, options))
    }

    /// Loads the autoencoder to `device` as `kind`.
    ///
    /// # Errors
    /// As [`Self::text_encoder`].
    pub fn vae(&self, device: Device, kind: Kind) -> Result<Vae> {
        Vae::load(&self.config.vae, self.loader(Part::Vae, device, &LoadOptions::all(kind)))
    }

    /// Writes the whole model to one `.safetensors` or `.ckpt` file, or to a diffusers folder when the name has no ending,
    /// tensor by tensor. A trained model is written with [`weights::export`](crate::weights::export()) and an
    /// [`Overlay`](crate::weights::Overlay).
    ///
    /// # Errors
    /// When a tensor cannot be read or the file cannot be written.
    pub fn export(&self, path: &Path) -> Result<()> {
        // Another form of the same weights says the same of itself.
        let notes = ExportNotes::default();
        if path.extension().is_none() {
            return export_diffusers(path, &self.config, self.weights(), &notes);
        }
        export(path, &self.config, self.weights(), &notes).map(|_| ())
    }

    fn loader(&self, part: Part, device: Device, options: &LoadOptions) -> Loader<'_> {
        Loader::with_options(self.weights(), part, device, options)
    }
}

fn random_config(config: &RandomConfig) -> Result<ModelConfig> {
    match config {
        RandomConfig::Sd15 => Ok(ModelConfig::sd15()),
        RandomConfig::Mini => Ok(ModelConfig::mini()),
        RandomConfig::Folder(folder) => ModelConfig::from_folder(folder),
    }
}
