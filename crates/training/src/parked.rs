//! The trained text encoder waits on the disk while the UNet is trained: its half gigabyte of f32 weights is memory that
//! the UNet's optimizer needs more.

use std::path::Path;

use engine::tch::{Device, Kind, Tensor};
use model::base::BaseModel;
use model::weights::Overlay;
use model::{Loader, Part, TextEncoder};
use tempfile::NamedTempFile;

use crate::error::{Result, TrainingError};

/// A text encoder in a temporary file that goes away with this value.
#[derive(Debug)]
pub struct ParkedTextEncoder {
    file: NamedTempFile,
}

impl ParkedTextEncoder {
    /// Writes the encoder's weights, bit for bit, to a file in `folder`, and drops it. The system's temporary folder would
    /// not do: it may be small, in memory, or full of what killed jobs left.
    ///
    /// # Errors
    /// When the file cannot be written.
    #[allow(clippy::needless_pass_by_value, reason = "the point is that the encoder is gone afterwards")]
    pub fn park(encoder: TextEncoder, folder: &Path) -> Result<Self> {
        let failed = |source| TrainingError::Park { folder: folder.to_owned(), source };
        let file =
            tempfile::Builder::new().prefix(".parked-").suffix(".safetensors").tempfile_in(folder).map_err(failed)?;
        let tensors: Vec<(&str, Tensor)> =
            encoder.parameters().iter().map(|(name, tensor)| (name.as_str(), tensor.detach())).collect();
        Tensor::write_safetensors(&tensors, file.path())?;
        Ok(Self { file })
    }

    /// The encoder again, f32 on `device`; `base` is the model it was trained from.
    ///
    /// # Errors
    /// When the file cannot be read back.
    pub fn fetch(&self, base: &BaseModel, device: Device) -> Result<TextEncoder> {
        let tensors = Tensor::read_safetensors(self.file.path())?;
        let source = Overlay::new(base.weights()).with(Part::TextEncoder, &tensors);
        Ok(TextEncoder::load(&base.config().text, Loader::new(&source, Part::TextEncoder, device, Kind::Float))?)
    }
}
