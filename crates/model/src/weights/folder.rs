//! A diffusers folder: one file of weights for each network, or several with an index.

use std::path::{Path, PathBuf};

use engine::tch::Tensor;

use super::key_map::old_vae_attention;
use super::shards::Shards;
use super::tensor_file::{TensorFile, open, read_as};
use super::{Part, WeightSource};
use crate::error::{ModelError, Result};

/// File names in order of preference: data before pickles, full precision before half.
const UNET_AND_VAE: [&str; 4] = [
    "diffusion_pytorch_model.safetensors",
    "diffusion_pytorch_model.fp16.safetensors",
    "diffusion_pytorch_model.bin",
    "diffusion_pytorch_model.fp16.bin",
];
const TEXT_ENCODER: [&str; 4] =
    ["model.safetensors", "model.fp16.safetensors", "pytorch_model.bin", "pytorch_model.fp16.bin"];

/// Names of the index where a network's weights are split, in the same order.
const UNET_AND_VAE_INDEX: [&str; 3] = [
    "diffusion_pytorch_model.safetensors.index.json",
    "diffusion_pytorch_model.safetensors.index.fp16.json",
    "diffusion_pytorch_model.bin.index.json",
];
const TEXT_ENCODER_INDEX: [&str; 3] =
    ["model.safetensors.index.json", "model.safetensors.index.fp16.json", "pytorch_model.bin.index.json"];

/// The weights of a diffusers folder.
#[derive(Debug)]
pub struct FolderSource {
    text_encoder: Box<dyn TensorFile>,
    unet: Box<dyn TensorFile>,
    vae: Box<dyn TensorFile>,
}

impl FolderSource {
    /// Opens the files of the three networks and reads their tables of tensors.
    ///
    /// # Errors
    /// When one is absent or damaged.
    pub fn open(folder: &Path) -> Result<Self> {
        Ok(Self {
            text_encoder: open_part(&folder.join("text_encoder"), &TEXT_ENCODER, &TEXT_ENCODER_INDEX)?,
            unet: open_part(&folder.join("unet"), &UNET_AND_VAE, &UNET_AND_VAE_INDEX)?,
            vae: open_part(&folder.join("vae"), &UNET_AND_VAE, &UNET_AND_VAE_INDEX)?,
        })
    }
}

impl WeightSource for FolderSource {
    fn tensor(&self, part: Part, name: &str, shape: &[i64]) -> Result<Tensor> {
        let (file, other) = match part {
            // Some exports leave the leading `text_model.` away.
            Part::TextEncoder => (&self.text_encoder, name.strip_prefix("text_model.").map(str::to_owned)),
            Part::Unet => (&self.unet, None),
            Part::Vae => (&self.vae, old_vae_attention(name)),
        };
        let stored = other.as_deref().filter(|other| file.shape(name).is_none() && file.shape(other).is_some());
        read_as(file.as_ref(), stored.unwrap_or(name), shape)
    }
}

fn open_part(folder: &Path, files: &[&str], indices: &[&str]) -> Result<Box<dyn TensorFile>> {
    let find =
        |names: &[&str]| -> Option<PathBuf> { names.iter().map(|name| folder.join(name)).find(|path| path.exists()) };
    if let Some(file) = find(files) {
        return open(&file);
    }
    if let Some(index) = find(indices) {
        return Ok(Box::new(Shards::open(&index)?));
    }
    Err(ModelError::Format {
        path: folder.to_owned(),
        reason: format!("it holds no weights; one of {} or {} must be there", files.join(", "), indices.join(", ")),
    })
}
