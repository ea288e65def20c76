//! A diffusers folder: one file of weights for each network.

use std::path::{Path, PathBuf};

use engine::tch::Tensor;

use super::key_map::old_vae_attention;
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

/// The weights of a diffusers folder.
#[derive(Debug)]
pub struct FolderSource {
    text_encoder: Box<dyn TensorFile>,
    unet: Box<dyn TensorFile>,
    vae: Box<dyn TensorFile>,
}

impl FolderSource {
    /// Opens the three files and reads their tables of tensors.
    ///
    /// # Errors
    /// When one is absent or damaged.
    pub fn open(folder: &Path) -> Result<Self> {
        Ok(Self {
            text_encoder: open(&find(&folder.join("text_encoder"), &TEXT_ENCODER)?)?,
            unet: open(&find(&folder.join("unet"), &UNET_AND_VAE)?)?,
            vae: open(&find(&folder.join("vae"), &UNET_AND_VAE)?)?,
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

fn find(folder: &Path, names: &[&str]) -> Result<PathBuf> {
    let found = names.iter().map(|name| folder.join(name)).find(|path| path.exists());
    found.ok_or_else(|| ModelError::Format {
        path: folder.to_owned(),
        reason: format!("it holds no weights; one of {} must be there", names.join(", ")),
    })
}
