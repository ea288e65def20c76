//! DINO (Caron et al., 2021): a vision transformer that learnt without labels. Its vectors tell apart what CLIP's have one word
//! for, which is why the DreamBooth paper trusts them more.

use std::path::Path;

use engine::no_grad;
use engine::tch::{Device, Tensor};
use serde_json::Value;

use super::Picture;
use super::config::VisionConfig;
use super::processor::{ImageProcessor, ProcessorType};
use super::transformer::{TransformerNames, VisionTransformer};
use super::weights::{Outline, VisionWeights};
use crate::config;
use crate::error::{ModelError, Result};

/// A folder of transformers' `ViTModel`, of which no weight is read yet.
#[derive(Debug)]
pub struct DinoFolder {
    config: VisionConfig,
    processor: ImageProcessor,
    weights: VisionWeights,
    /// Where the network lies among the weights: beside a head for other purposes, if there is one.
    root: &'static str,
}

impl DinoFolder {
    /// Opens `folder` and looks whether every weight is there, in the right shape.
    ///
    /// # Errors
    /// When a file is absent, damaged or of another architecture.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("config.json");
        let config = VisionConfig::vit(&config::read::<Value>(&path, |_| Ok(()))?)
            .map_err(|reason| ModelError::Config { path, reason })?;
        let processor = ImageProcessor::open(folder, ProcessorType::Vit)?;
        processor.refuse_other_side(folder, config.image_size)?;
        let weights = VisionWeights::open(folder)?;
        let root = if weights.has("vit.embeddings.cls_token") { "vit" } else { "" };
        VisionTransformer::load(&config, TransformerNames::VIT, &Outline(&weights).loader().at(root))?;
        Ok(Self { config, processor, weights, root })
    }

    /// Reads the weights to `device`, in f32.
    ///
    /// # Errors
    /// When a tensor is damaged, or memory is short.
    pub fn load(&self, device: Device) -> Result<Dino> {
        let loader = self.weights.loader(device).at(self.root);
        let network = VisionTransformer::load(&self.config, TransformerNames::VIT, &loader)?;
        Ok(Dino { processor: self.processor.clone(), network, device })
    }
}

/// DINO, loaded.
#[derive(Debug)]
pub struct Dino {
    processor: ImageProcessor,
    network: VisionTransformer,
    device: Device,
}

impl Dino {
    /// The vector of `picture`, `[hidden_size]` f32: the first of transformers' `last_hidden_state`.
    ///
    /// # Errors
    /// When libtorch has no memory for the picture.
    pub fn embed_picture(&self, picture: &Picture) -> Result<Tensor> {
        let pixels = self.processor.pixel_values(picture)?.unsqueeze(0).f_to_device(self.device)?;
        Ok(no_grad(|| self.network.forward(&pixels).squeeze_dim(0)))
    }
}
