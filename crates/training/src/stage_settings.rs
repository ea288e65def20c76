//! What the request says about a stage, turned into what the training loop needs.

use engine::tch::Kind;
use engine::{AdamW, AdamW8bit, AdamW8bitSettings, BlockSize, Ema, Optimizer, Parameter};
use model::NoiseSchedule;
use protocol::{Stage, TrainSettings};

use crate::batches::Batches;
use crate::error::Result;
use crate::framing::Framing;
use crate::latents::LatentCache;
use crate::loss::LossRule;
use crate::lr_schedule::LearningRate;
use crate::memory_plan::StageSize;
use crate::noise::{OffsetNoise, SeededNoise, Streams};
use crate::recipe::Recipe;
use crate::stage::{ADAMW, StagePlan, Trainee};
use crate::train::TrainingJob;

/// The request's settings of one stage.
pub(crate) struct StageSettings {
    pub(crate) stage: Stage,
    /// Optimizer steps, or passes over the images.
    length: Length,
    pub(crate) learning: Learning,
    batch_size: usize,
    accumulation: u64,
    pub(crate) framing: Framing,
    frozen_batches: bool,
    /// Whether batches hold images of the class, too.
    with_class: bool,
    offset_noise: OffsetNoise,
    loss: LossRule,
}

/// What a stage is trained on: latents, of which the first `instances` show a concept and the others its class.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Images<'a> {
    pub(crate) latents: &'a LatentCache,
    pub(crate) instances: usize,
}

enum Length {
    Steps(u64),
    Epochs(u64),
}

/// How a network learns.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Learning {
    pub(crate) rate: LearningRate,
    /// Weights that share one scale in 8-bit Adam; `None`: 32-bit Adam.
    adam_8_bit_block: Option<BlockSize>,
    ema_decay: Option<f64>,
}

impl Learning {
    /// The text encoder's.
    pub(crate) fn text(settings: &TrainSettings) -> Self {
        Self {
            rate: LearningRate { base: settings.text_learning_rate, scheduler: settings.text_lr_scheduler },
            adam_8_bit_block: settings.text_8_bit_adam.then(|| block_size(settings)),
            ema_decay: settings.ema_decay,
        }
    }

    /// The UNet's.
    pub(crate) fn unet(settings: &TrainSettings) -> Self {
        Self {
            rate: LearningRate { base: settings.unet_learning_rate, scheduler: settings.unet_lr_scheduler },
            adam_8_bit_block: settings.unet_8_bit_adam.then(|| block_size(settings)),
            ema_decay: settings.ema_decay,
        }
    }

    /// A network that learns so for `steps` steps.
    pub(crate) fn trainee(self, name: &'static str, parameters: Vec<Parameter>, steps: u64) -> Result<Trainee> {
        let ema = self.ema_decay.map(|decay| Ema::new(&parameters, decay)).transpose()?;
        let optimizer: Box<dyn Optimizer> = match self.adam_8_bit_block {
            None => Box::new(AdamW::new(parameters, ADAMW)),
            Some(block_size) => Box::new(AdamW8bit::new(parameters, AdamW8bitSettings { adamw: ADAMW, block_size })),
        };
        Ok(Trainee { name, optimizer, learning_rate: self.rate, steps, ema })
    }
}

impl StageSettings {
    pub(crate) fn text(settings: &TrainSettings) -> Self {
        Self {
            stage: Stage::Text,
            length: Length::Steps(u64::from(settings.text_steps)),
            learning: Learning::text(settings),
            batch_size: settings.text_batch_size as usize,
            accumulation: u64::from(settings.gradient_accumulation_steps),
            framing: framing(settings, settings.text_resolution, settings.text_seed),
            frozen_batches: Recipe::of(settings).frozen_batches,
            with_class: with_class(settings),
            // The original applied it to the UNet stage alone.
            offset_noise: OffsetNoise::NONE,
            loss: loss(settings),
        }
    }

    pub(crate) fn unet(settings: &TrainSettings) -> Self {
        let strength = if settings.offset_noise { settings.offset_noise_strength } else { 0.0 };
        Self {
            stage: Stage::Unet,
            length: Length::Epochs(u64::from(settings.unet_epochs)),
            learning: Learning::unet(settings),
            batch_size: settings.unet_batch_size as usize,
            accumulation: u64::from(settings.gradient_accumulation_steps),
            framing: framing(settings, settings.unet_resolution, settings.unet_seed),
            frozen_batches: Recipe::of(settings).frozen_batches,
            with_class: with_class(settings),
            offset_noise: OffsetNoise { strength },
            loss: loss(settings),
        }
    }

    pub(crate) fn is_skipped(&self) -> bool {
        matches!(self.length, Length::Steps(0) | Length::Epochs(0))
    }

    /// What its memory depends on.
    pub(crate) fn size(&self) -> StageSize {
        let side = u64::from(self.framing.resolution / 8);
        // With prior preservation as many images of the class are in a batch.
        let images = self.batch_size as u64 * if self.with_class { 2 } else { 1 };
        StageSize { adam_8_bit: self.learning.adam_8_bit_block.is_some(), latent_pixels: images * side * side }
    }

    pub(crate) fn noise(&self, schedule: &NoiseSchedule) -> SeededNoise {
        SeededNoise::new(self.framing.streams, schedule.alphas_cumprod().len(), self.offset_noise)
    }

    pub(crate) fn plan<'a>(
        &self,
        job: &TrainingJob<'_>,
        schedule: &'a NoiseSchedule,
        images: Images<'a>,
        noise: &'a SeededNoise,
        compute: Kind,
    ) -> StagePlan<'a> {
        let Images { latents, instances } = images;
        let batches =
            Batches::of(latents, instances, self.framing.streams, self.batch_size).frozen(self.frozen_batches);
        let steps = match self.length {
            Length::Steps(steps) => steps,
            Length::Epochs(epochs) => (epochs * batches.per_epoch()).div_ceil(self.accumulation),
        };
        StagePlan {
            stage: self.stage,
            steps,
            schedule,
            latents,
            batches,
            noise,
            loss: self.loss,
            accumulation: self.accumulation,
            device: job.device,
            compute,
        }
    }
}

fn block_size(settings: &TrainSettings) -> BlockSize {
    if Recipe::of(settings).adam_8_bit_block_size == 256 { BlockSize::Elements256 } else { BlockSize::Elements2048 }
}

fn framing(settings: &TrainSettings, resolution: u32, seed: i64) -> Framing {
    let recipe = Recipe::of(settings);
    Framing {
        resolution,
        buckets: settings.aspect_ratio_buckets,
        crop: recipe.crop,
        crops: recipe.crops_per_image,
        mirrored: settings.horizontal_flip,
        streams: Streams::new(seed as u64),
    }
}

fn with_class(settings: &TrainSettings) -> bool {
    settings.class_prompt.is_some() || settings.concepts.iter().any(|concept| concept.class_prompt.is_some())
}

fn loss(settings: &TrainSettings) -> LossRule {
    LossRule { min_snr_gamma: settings.min_snr_gamma, prior_loss_weight: settings.prior_loss_weight }
}
