//! Where weights come from. Every source answers in diffusers' names, whatever its file uses.

use engine::tch::Tensor;

use crate::error::Result;

/// The three networks of Stable Diffusion 1.x.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// CLIP's text model; names begin with `text_model.`
    TextEncoder,
    /// The denoising UNet.
    Unet,
    /// The autoencoder.
    Vae,
}

/// A place to read tensors from, one at a time.
pub trait WeightSource: Send {
    /// The tensor `name` (diffusers' naming) of `part`, on the CPU, in the file's dtype, with exactly `shape`.
    ///
    /// # Errors
    /// When it is absent, damaged or of another shape.
    fn tensor(&self, part: Part, name: &str, shape: &[i64]) -> Result<Tensor>;
}
