//! Whether two models are the same, without reading all of them.

use engine::tch::{Kind, Tensor};
use sha2::{Digest, Sha256};

use crate::base::BaseModel;
use crate::error::Result;
use crate::weights::inventory;

/// Tensors of at most so many numbers are looked at: of Stable Diffusion 1.5 all norms and biases, and projections of every
/// depth, together some hundred megabytes. No fine-tuning leaves all of them as they were.
const NUMBERS_MAX: i64 = 500_000;

impl BaseModel {
    /// A SHA-256 in hexadecimal of the model's configuration and of those of its weights that are small. Wherever the model
    /// lies and in whatever format, it stays the same.
    ///
    /// # Errors
    /// When a tensor cannot be read.
    pub fn fingerprint(&self) -> Result<String> {
        let mut hasher = Sha256::new();
        hasher.update(serde_json::to_vec(self.config()).unwrap_or_default());
        let mut bytes = Vec::new();
        for spec in inventory(self.config())? {
            if spec.shape.iter().product::<i64>() <= NUMBERS_MAX {
                hasher.update(&spec.name);
                bytes_of(&self.weights().tensor(spec.part, &spec.name, &spec.shape)?, &mut bytes)?;
                hasher.update(&bytes);
            }
        }
        Ok(hex::encode(hasher.finalize()))
    }
}

/// The numbers as f32.
fn bytes_of(tensor: &Tensor, bytes: &mut Vec<u8>) -> Result<()> {
    let tensor = tensor.f_to_kind(Kind::Float)?.f_contiguous()?;
    bytes.resize(tensor.numel() * size_of::<f32>(), 0);
    Ok(tensor.f_copy_data_u8(bytes, tensor.numel())?)
}
