//! The door through which a training draws pictures: it knows no sampler, and whoever does knows no training.

use std::fmt;
use std::io;

use engine::no_grad;
use engine::tch::{Device, Kind, Tensor};
use model::base::BaseModel;
use model::{TextEncoder, UNet};
use protocol::{FileContent, Leave, SamplerName};

use crate::error::Result;

/// How pictures in a training are drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Manner {
    /// Side of the square pictures in pixels, a multiple of 64.
    pub side: u32,
    /// The sampler.
    pub sampler: SamplerName,
    /// Its steps.
    pub steps: u32,
    /// Classifier-free guidance.
    pub cfg_scale: f64,
}

impl Manner {
    /// Pictures of this side: enough steps that a picture is what the model means, and no more.
    pub fn usual(side: u32) -> Self {
        Self { side, sampler: SamplerName::Euler, steps: 25, cfg_scale: 7.0 }
    }
}

/// The UNet that draws.
#[derive(Debug, Clone, Copy)]
pub struct Canvas<'a> {
    /// The model it belongs to, of which the autoencoder is loaded for the pictures and dropped afterwards.
    pub base: &'a BaseModel,
    /// Its weights as they are now.
    pub unet: &'a UNet,
    /// Where it lies.
    pub device: Device,
    /// What it computes in.
    pub compute: Kind,
}

/// What one picture is drawn of.
#[derive(Debug)]
pub struct Sketch<'a> {
    /// The prompt, for the texts in the file.
    pub prompt: &'a str,
    /// What the text encoder makes of it, `[1, 77, width]`.
    pub positive: &'a Tensor,
    /// What it makes of the empty prompt, `[1, 77, width]`.
    pub negative: &'a Tensor,
    /// The picture's seed.
    pub seed: u64,
}

/// Takes the PNG file of the sketch with this index.
pub type KeepPicture<'a> = dyn FnMut(usize, Vec<u8>) -> Result<()> + 'a;

/// Takes the PNG file of a sample under its name.
pub type KeepSample<'a> = dyn Fn(&str, FileContent, &[u8]) -> io::Result<()> + 'a;

/// Draws.
pub trait Painter: fmt::Debug {
    /// Draws each sketch by itself and hands its PNG file to `keep` at once. Nothing in the canvas changes.
    ///
    /// # Errors
    /// [`crate::TrainingError::Draw`] when a picture fails, [`crate::TrainingError::Stopped`] at the step after `stop` says
    /// so, and `keep`'s own.
    fn draw(
        &self,
        canvas: Canvas<'_>,
        manner: Manner,
        sketches: &[Sketch<'_>],
        stop: &dyn Fn() -> Option<Leave>,
        keep: &mut KeepPicture<'_>,
    ) -> Result<()>;
}

/// Who draws a training's pictures, and where they go.
#[derive(Clone, Copy)]
pub struct Pictures<'a> {
    /// Draws them.
    pub painter: &'a dyn Painter,
    /// Keeps a sample under a name beside the training's other files, and tells of it.
    pub keep: &'a KeepSample<'a>,
}

impl fmt::Debug for Pictures<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pictures").field("painter", &self.painter).finish_non_exhaustive()
    }
}

/// What `encoder` makes of each prompt, `[1, 77, width]` in `compute`: padded as in drawing.
pub(crate) fn encode_prompts<'a>(
    prompts: impl IntoIterator<Item = &'a str>,
    encoder: &TextEncoder,
    base: &BaseModel,
    device: Device,
    compute: Kind,
) -> Vec<Tensor> {
    let tokenizer = base.tokenizer();
    let encode = |prompt| {
        let ids = Tensor::from_slice(&tokenizer.encode_padded(prompt)).unsqueeze(0).to_device(device);
        no_grad(|| encoder.forward(&ids, compute))
    };
    prompts.into_iter().map(encode).collect()
}
