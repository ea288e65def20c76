//! CLIP (Radford et al., 2021): pictures and prompts as vectors of one space, in which a prompt is near what it describes.

use std::path::{Path, PathBuf};

use engine::no_grad;
use engine::tch::{Device, Kind, Tensor};
use serde_json::Value;

use super::Picture;
use super::config::{ClipConfig, ClipTextConfig};
use super::processor::{ImageProcessor, ProcessorType};
use super::transformer::{TransformerNames, VisionTransformer};
use super::weights::{Outline, VisionWeights};
use crate::config;
use crate::error::{ModelError, Result};
use crate::layers::{Linear, Loader};
use crate::text_encoder::TextEncoder;
use crate::tokenizer::{BOS, EOS, SEQUENCE_LENGTH, Tokenizer};

/// A folder of transformers' `CLIPModel` or `CLIPVisionModelWithProjection`, of which no weight is read yet.
#[derive(Debug)]
pub struct ClipFolder {
    config: ClipConfig,
    processor: ImageProcessor,
    weights: VisionWeights,
    config_path: PathBuf,
}

impl ClipFolder {
    /// Opens `folder` and looks whether every weight is there, in the right shape.
    ///
    /// # Errors
    /// When a file is absent, damaged or of another architecture.
    pub fn open(folder: &Path) -> Result<Self> {
        let config_path = folder.join("config.json");
        let config = ClipConfig::of(&config::read::<Value>(&config_path, |_| Ok(()))?)
            .map_err(|reason| ModelError::Config { path: config_path.clone(), reason })?;
        let processor = ImageProcessor::open(folder, ProcessorType::Clip)?;
        processor.refuse_other_side(folder, config.vision.image_size)?;
        let weights = VisionWeights::open(folder)?;
        Clip::build(&config, &processor, &Outline(&weights).loader(), Device::Cpu)?;
        Ok(Self { config, processor, weights, config_path })
    }

    /// Whether it can read prompts, too: whether its text tower is there and has CLIP's vocabulary.
    ///
    /// # Errors
    /// When the tower is there, but has another one.
    pub fn reads_prompts(&self) -> Result<bool> {
        let Some(text) = &self.config.text else { return Ok(false) };
        let (tokens, positions) = (text.sizes.vocab_size, text.sizes.max_position_embeddings);
        if tokens <= EOS || positions < SEQUENCE_LENGTH as i64 {
            let reason = format!(
                "its text tower knows {tokens} tokens and {positions} positions, but CLIP's tokenizer needs {} and \
                 {SEQUENCE_LENGTH}; give a CLIPModel with CLIP's own vocabulary, such as openai/clip-vit-base-patch32",
                EOS + 1
            );
            return Err(ModelError::Config { path: self.config_path.clone(), reason });
        }
        Ok(true)
    }

    /// Reads the weights to `device`, in f32.
    ///
    /// # Errors
    /// When a tensor is damaged, or memory is short.
    pub fn load(&self, device: Device) -> Result<Clip> {
        Clip::build(&self.config, &self.processor, &self.weights.loader(device), device)
    }
}

/// CLIP, loaded.
#[derive(Debug)]
pub struct Clip {
    processor: ImageProcessor,
    vision: VisionTransformer,
    visual_projection: Linear,
    text: Option<TextTower>,
    device: Device,
}

impl Clip {
    fn build(config: &ClipConfig, processor: &ImageProcessor, loader: &Loader<'_>, device: Device) -> Result<Self> {
        let (hidden, projected) = (config.vision.layer.hidden_size, config.projection_dim);
        let vision = VisionTransformer::load(&config.vision, TransformerNames::CLIP, &loader.at("vision_model"))?;
        let visual_projection = Linear::load_without_bias(&loader.at("visual_projection"), hidden, projected)?;
        let text = config.text.as_ref().map(|text| TextTower::load(text, projected, loader)).transpose()?;
        Ok(Self { processor: processor.clone(), vision, visual_projection, text, device })
    }

    /// The vector of `picture`, `[projection_dim]` f32: transformers' `image_embeds`, before it is brought to length 1.
    ///
    /// # Errors
    /// When libtorch has no memory for the picture.
    pub fn embed_picture(&self, picture: &Picture) -> Result<Tensor> {
        let pixels = self.processor.pixel_values(picture)?.unsqueeze(0).f_to_device(self.device)?;
        Ok(no_grad(|| self.visual_projection.forward(&self.vision.forward(&pixels)).squeeze_dim(0)))
    }

    /// The vector of `prompt`, `[projection_dim]` f32, cut to 75 tokens: `text_embeds`. `None` without a text tower.
    pub fn embed_prompt(&self, prompt: &str) -> Option<Tensor> {
        let words = Tokenizer::clip().encode(prompt);
        let mut ids = vec![BOS];
        ids.extend(words.into_iter().take(SEQUENCE_LENGTH - 2));
        ids.push(EOS);
        self.embed_tokens(&Tensor::from_slice(&ids).unsqueeze(0)).map(|vectors| vectors.squeeze_dim(0))
    }

    /// The vectors of token sequences, `[batch, n]` i64 to `[batch, projection_dim]` f32. Each ends with the end token, behind
    /// which anything may follow: no token sees those after it. `None` without a text tower.
    pub fn embed_tokens(&self, ids: &Tensor) -> Option<Tensor> {
        self.text.as_ref().map(|text| no_grad(|| text.forward(&ids.to_device(self.device))))
    }
}

/// The text encoder of Stable Diffusion, and what it leaves out: one vector for the whole prompt.
#[derive(Debug)]
struct TextTower {
    encoder: TextEncoder,
    projection: Linear,
    eos_token_id: i64,
}

/// Files of 2022 and before have this as their end token, and mean the largest.
const LEGACY_EOS: i64 = 2;

impl TextTower {
    fn load(config: &ClipTextConfig, projected: i64, root: &Loader<'_>) -> Result<Self> {
        let hidden = config.sizes.hidden_size;
        Ok(Self {
            encoder: TextEncoder::load(&config.sizes, root.clone())?,
            projection: Linear::load_without_bias(&root.at("text_projection"), hidden, projected)?,
            eos_token_id: config.eos_token_id,
        })
    }

    fn forward(&self, ids: &Tensor) -> Tensor {
        let states = self.encoder.forward(ids, Kind::Float);
        // The first of several.
        let ends = if self.eos_token_id == LEGACY_EOS { ids.shallow_clone() } else { ids.eq(self.eos_token_id) };
        let place = ends.to_kind(Kind::Int).argmax(1, true).unsqueeze(-1);
        let place = place.expand([-1, 1, states.size()[2]], false);
        self.projection.forward(&states.gather(1, &place, false).squeeze_dim(1))
    }
}
