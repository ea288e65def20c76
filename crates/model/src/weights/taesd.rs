//! TAESD as its maker gives it away: one file for each half, the tensors named by their places in a row of layers alone.

use std::path::Path;

use engine::tch::Tensor;

use super::tensor_file::{TensorFile, open, read_as};
use super::{Part, WeightSource};
use crate::error::{ModelError, Result};

/// What the two files are called where TAESD is given away.
const FILES: [&str; 2] = ["taesd_encoder.safetensors", "taesd_decoder.safetensors"];

/// The weights of an `AutoencoderTiny` in two files, one for each half.
#[derive(Debug)]
pub struct TaesdSource {
    encoder: Box<dyn TensorFile>,
    decoder: Box<dyn TensorFile>,
}

impl TaesdSource {
    /// Opens the files of the two halves and reads their tables of tensors.
    ///
    /// # Errors
    /// When one is absent or damaged.
    pub fn open(encoder: &Path, decoder: &Path) -> Result<Self> {
        Ok(Self { encoder: open(encoder)?, decoder: open(decoder)? })
    }

    /// Opens `taesd_encoder.safetensors` and `taesd_decoder.safetensors` in `folder`.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn in_folder(folder: &Path) -> Result<Self> {
        let [encoder, decoder] = FILES.map(|name| folder.join(name));
        Self::open(&encoder, &decoder)
    }
}

impl WeightSource for TaesdSource {
    /// Of the autoencoder alone; another part is missing.
    fn tensor(&self, part: Part, name: &str, shape: &[i64]) -> Result<Tensor> {
        let missing =
            |file: &dyn TensorFile| ModelError::MissingTensor { path: file.path().into(), name: name.to_owned() };
        if part != Part::Vae {
            return Err(missing(self.encoder.as_ref()));
        }
        if let Some(name) = name.strip_prefix("encoder.layers.") {
            return read_as(self.encoder.as_ref(), name, shape);
        }
        let stored = name.strip_prefix("decoder.layers.").and_then(next_place);
        let stored = stored.ok_or_else(|| missing(self.decoder.as_ref()))?;
        read_as(self.decoder.as_ref(), &stored, shape)
    }
}

/// The bend of the latents to ±3 takes place 0 of the decoder's row there, and none in diffusers.
fn next_place(name: &str) -> Option<String> {
    let (place, rest) = name.split_once('.')?;
    Some(format!("{}.{rest}", place.parse::<u32>().ok()?.checked_add(1)?))
}
