//! The text stage: the text encoder learns the concept's name, with the loss of a UNet as its teacher.

use engine::tch::{Device, Kind, Tensor};
use model::base::BaseModel;
use model::{TextEncoder, UNet};
use protocol::TextTraining;

use crate::batches::Batch;
use crate::error::Result;
use crate::parameters::{require_gradients, tensors_of};
use crate::prompts::Prompts;
use crate::stage::{StageLoop, StepRecord};

/// The networks of the text stage. The UNet is a copy of its own, which nobody keeps.
#[derive(Debug)]
pub struct TextStage {
    /// What is trained and kept.
    pub text_encoder: TextEncoder,
    /// What judges it; in `joint` mode it learns, too.
    pub unet: UNet,
    trained: Vec<Tensor>,
    device: Device,
    compute: Kind,
}

impl TextStage {
    /// Loads both networks from the base model and makes those trainable that `mode` trains.
    ///
    /// # Errors
    /// When the base model cannot be read.
    pub fn load(base: &BaseModel, mode: TextTraining, device: Device, compute: Kind) -> Result<Self> {
        // Weights that are trained are f32; a frozen UNet may lie in the dtype it computes in.
        let unet_kind = if mode == TextTraining::Joint { Kind::Float } else { compute };
        let text_encoder = base.text_encoder(device, Kind::Float)?;
        let unet = base.unet(device, unet_kind)?;

        let mut trained = tensors_of(text_encoder.parameters());
        if mode == TextTraining::Joint {
            trained.extend(tensors_of(unet.parameters()));
        }
        require_gradients(&trained, true);
        Ok(Self { text_encoder, unet, trained, device, compute })
    }

    /// All tensors that change.
    pub fn trained(&self) -> &[Tensor] {
        &self.trained
    }

    /// Trains; `done` sees every step.
    ///
    /// # Errors
    /// As [`StageLoop::run`].
    pub fn run(&self, plan: &StageLoop<'_>, prompts: &Prompts, done: impl FnMut(StepRecord)) -> Result<()> {
        let predict = |noisy: &Tensor, timesteps: &Tensor, batch: &Batch| {
            let context = self.text_encoder.forward(&prompts.ids(batch, self.device), self.compute);
            self.unet.forward(noisy, timesteps, &context)
        };
        plan.run(&self.trained, &predict, done)
    }

    /// The trained text encoder, without gradients; the UNet is dropped.
    pub fn into_text_encoder(self) -> TextEncoder {
        require_gradients(&self.trained, false);
        self.text_encoder
    }
}
