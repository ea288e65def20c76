//! A diffusers folder: one file of weights for each network, or several with an index.

use std::path::Path;

use engine::tch::Tensor;

use super::key_map::old_vae_attention;
use super::shards::Shards;
use super::tensor_file::{TensorFile, format_error, open, read_as};
use super::{Part, WeightSource};
use crate::error::Result;

/// File names in order of preference: full precision before half, data before pickles, one file before an index of several.
const UNET_AND_VAE: [&str; 8] = [
    "diffusion_pytorch_model.safetensors",
    "diffusion_pytorch_model.safetensors.index.json",
    "diffusion_pytorch_model.bin",
    "diffusion_pytorch_model.bin.index.json",
    "diffusion_pytorch_model.fp16.safetensors",
    "diffusion_pytorch_model.safetensors.index.fp16.json",
    "diffusion_pytorch_model.fp16.bin",
    "diffusion_pytorch_model.bin.index.fp16.json",
];
const TEXT_ENCODER: [&str; 8] = [
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "model.fp16.safetensors",
    "model.safetensors.index.fp16.json",
    "pytorch_model.fp16.bin",
    "pytorch_model.bin.index.fp16.json",
];

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
            text_encoder: open_part(&folder.join("text_encoder"), &TEXT_ENCODER)?,
            unet: open_part(&folder.join("unet"), &UNET_AND_VAE)?,
            vae: open_part(&folder.join("vae"), &UNET_AND_VAE)?,
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

fn open_part(folder: &Path, names: &[&str]) -> Result<Box<dyn TensorFile>> {
    let Some(path) = names.iter().map(|name| folder.join(name)).find(|path| path.exists()) else {
        let reason = format!("it holds no weights; one of {} must be there", names.join(", "));
        return Err(format_error(folder, reason));
    };
    match path.extension() {
        Some(extension) if extension == "json" => Ok(Box::new(Shards::open(&path)?)),
        _ => open(&path),
    }
}
