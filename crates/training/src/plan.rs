//! What the request says about a stage, turned into what the training loop needs.

use model::NoiseSchedule;
use protocol::{Stage, TrainSettings};

use crate::batches::Batches;
use crate::error::Result;
use crate::latents::{Framing, LatentCache};
use crate::lr_schedule::LearningRate;
use crate::noise::{SeededNoise, Streams};
use crate::stage::StageLoop;
use crate::train::TrainingJob;

/// The request's settings of one stage.
pub(crate) struct StageSettings {
    stage: Stage,
    /// Optimizer steps, or passes over the images.
    length: Length,
    learning_rate: LearningRate,
    batch_size: usize,
    pub(crate) framing: Framing,
    offset_noise: bool,
}

enum Length {
    Steps(u64),
    Epochs(u64),
}

impl StageSettings {
    pub(crate) fn text(settings: &TrainSettings) -> Self {
        Self {
            stage: Stage::Text,
            length: Length::Steps(u64::from(settings.text_steps)),
            learning_rate: LearningRate { base: settings.text_learning_rate, scheduler: settings.text_lr_scheduler },
            batch_size: settings.text_batch_size as usize,
            framing: Framing { resolution: settings.text_resolution, streams: Streams::new(settings.text_seed as u64) },
            // The original applied it to the UNet stage alone.
            offset_noise: false,
        }
    }

    pub(crate) fn unet(settings: &TrainSettings) -> Self {
        Self {
            stage: Stage::Unet,
            length: Length::Epochs(u64::from(settings.unet_epochs)),
            learning_rate: LearningRate { base: settings.unet_learning_rate, scheduler: settings.unet_lr_scheduler },
            batch_size: settings.unet_batch_size as usize,
            framing: Framing { resolution: settings.unet_resolution, streams: Streams::new(settings.unet_seed as u64) },
            offset_noise: settings.offset_noise,
        }
    }

    /// Refuses a learning rate that the schedule cannot start from, unless the stage is skipped; `field` holds the rate.
    pub(crate) fn check(&self, field: &'static str) -> Result<()> {
        if self.is_skipped() { Ok(()) } else { self.learning_rate.check(field) }
    }

    pub(crate) fn is_skipped(&self) -> bool {
        matches!(self.length, Length::Steps(0) | Length::Epochs(0))
    }

    pub(crate) fn noise(&self, schedule: &NoiseSchedule) -> SeededNoise {
        SeededNoise::new(self.framing.streams, schedule.alphas_cumprod().len(), self.offset_noise)
    }

    pub(crate) fn plan<'a>(
        &self,
        job: &TrainingJob<'_>,
        schedule: &'a NoiseSchedule,
        latents: &'a LatentCache,
        noise: &'a SeededNoise,
    ) -> StageLoop<'a> {
        let batches = Batches::new(self.framing.streams, latents.len(), self.batch_size);
        let steps = match self.length {
            Length::Steps(steps) => steps,
            Length::Epochs(epochs) => epochs * batches.per_epoch(),
        };
        StageLoop {
            stage: self.stage,
            steps,
            learning_rate: self.learning_rate,
            schedule,
            latents,
            batches,
            noise,
            device: job.device,
            compute: job.precision.kind(),
        }
    }
}
