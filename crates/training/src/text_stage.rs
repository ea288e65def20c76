//! The text stage: the text encoder learns the concept's name, with the loss of a UNet as its teacher.
//!
//! The original trains a copy of the UNet together with the text encoder (`joint`) and then throws the copy away (spec
//! section 3.1). So the text encoder adapts to a UNet that no longer exists when the UNet stage starts anew. The default
//! here is `frozen_unet`, for these figures (two shared CPU cores, f32, 5 photos, 120 steps, batch 1; held-out loss: the
//! base UNet on 128 draws of noise and timesteps that training did not see):
//!
//! | measured | `frozen_unet` | `joint` |
//! |---|--:|--:|
//! | untrained mini at 128 pixels, steps per second | 6.7 to 8.0 | 3.4 to 3.5 |
//! | held-out loss after training at the default rate, 1e-6 | -0.063 % | -0.064 % |
//! | held-out loss after training at 1e-4 | -1.79 % | -1.38 % |
//! | SD 1.5's sizes at 256 pixels, most memory | 5.95 GB | 16.64 GB |
//!
//! An untrained model is a weak judge of quality, so the last word on that is open; but twice the speed and a third of the
//! memory are certain, and there is no sign that `joint` is better for the UNet that is kept. At the higher rate its
//! training loss fell by half while the held-out loss gained less: the learning went into the UNet that is thrown away.

use engine::tch::{Device, Kind, Tensor};
use model::base::BaseModel;
use model::{TextEncoder, UNet};
use protocol::TextTraining;

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

    /// Trains; `done` sees every step and may end the run.
    ///
    /// # Errors
    /// As [`StageLoop::run`].
    pub fn run(
        &self,
        plan: &StageLoop<'_>,
        prompts: &Prompts,
        done: impl FnMut(StepRecord) -> Result<()>,
    ) -> Result<()> {
        let predict = |noisy: &Tensor, timesteps: &Tensor, batch: &[usize]| {
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
