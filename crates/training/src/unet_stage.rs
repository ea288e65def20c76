//! The UNet stage: the UNet learns to draw the concept whenever its caption is the context.

use engine::tch::{Device, Kind, Tensor};
use model::UNet;
use model::base::BaseModel;

use crate::error::Result;
use crate::parameters::{require_gradients, tensors_of};
use crate::prompts::Embeddings;
use crate::stage::{StageLoop, StepRecord};

/// The network of the UNet stage: the base model's UNet, not the one of the text stage.
///
/// Weights, gradients and AdamW's two moments are 16 bytes a number: 13.75 GB for Stable Diffusion 1.5 (measured with all
/// else at 256 pixels in f32: 14.6 GB). So neither text encoder nor VAE may be held meanwhile, and gradients are dropped,
/// not zeroed, after each step.
#[derive(Debug)]
pub struct UnetStage {
    unet: UNet,
    trained: Vec<Tensor>,
}

impl UnetStage {
    /// Loads the UNet from the base model and makes it trainable.
    ///
    /// # Errors
    /// When the base model cannot be read.
    pub fn load(base: &BaseModel, device: Device) -> Result<Self> {
        let unet = base.unet(device, Kind::Float)?;
        let trained = tensors_of(unet.parameters());
        require_gradients(&trained, true);
        Ok(Self { unet, trained })
    }

    /// All tensors that change.
    pub fn trained(&self) -> &[Tensor] {
        &self.trained
    }

    /// Trains on captions that are already embedded; `done` sees every step and may end the run.
    ///
    /// # Errors
    /// As [`StageLoop::run`].
    pub fn run(
        &self,
        plan: &StageLoop<'_>,
        embeddings: &Embeddings,
        done: impl FnMut(StepRecord) -> Result<()>,
    ) -> Result<()> {
        let predict = |noisy: &Tensor, timesteps: &Tensor, batch: &[usize]| {
            self.unet.forward(noisy, timesteps, &embeddings.context(batch))
        };
        plan.run(&self.trained, &predict, done)
    }

    /// The trained UNet, without gradients.
    pub fn into_unet(self) -> UNet {
        require_gradients(&self.trained, false);
        self.unet
    }
}
