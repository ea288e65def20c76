//! How far the concept is learnt, and whether its class is forgotten: the mean denoising loss over noise and timesteps that
//! are never trained on, and that are the same at every measurement, so that two of them can be compared.

use std::rc::Rc;

use engine::no_grad;
use engine::tch::{Device, Kind, Tensor};
use names::names;
use protocol::{JobEvent, Occasion, TrainSettings};
use serde::{Deserialize, Serialize};

use crate::error::{Result, TrainingError};
use crate::exported::as_exported;
use crate::latents::LatentCache;
use crate::loss::item_losses;
use crate::noise::{StepNoise, Stream, Streams};
use crate::recorder::{StageRecorder, go_on};
use crate::stage::{Predict, StagePlan, StageState};
use crate::watch::Duty;

/// Pairs of image and timestep in a measurement that the request asks for: enough that the loss of a model that learns falls
/// visibly, and the time of about five steps.
const PAIRS: usize = 16;
/// In one that it does not ask for there is one pair to so many samples that are trained on, so that all measurements together
/// take a few percent of the training's time,
const SAMPLES_A_PAIR: usize = 50;
/// but never fewer,
const PAIRS_MIN: usize = 4;
/// and a training of fewer samples than this is not measured unasked: that would take as long as the training.
const SAMPLES_MIN: usize = 20;
/// Pairs of class images are drawn at addresses of their own, above those of the concept.
const CLASS_ADDRESS: u64 = 1 << 32;

names! {
    /// What the concept's validation loss is measured on.
    pub enum MeasuredOn: "validation images" {
        /// Photos of the concept that are not trained on.
        HeldOut = "held_out",
        /// The photos that are trained on, under noise that is not.
        TrainingPhotos = "training_photos",
    }
}

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ValidationPoint {
    /// Steps of the stage done.
    pub step: u64,
    /// The mean loss on images of the concept.
    pub concept: f64,
    /// The mean loss on images of its class: it rises when the class is forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<f64>,
}

/// What is measured on: images with their captions, timesteps and noise, the same in both stages.
#[derive(Debug)]
pub(crate) struct ValidationSet {
    pub(crate) on: MeasuredOn,
    concept: Measured,
    class: Option<Measured>,
    streams: Streams,
}

/// Pairs of image and timestep.
#[derive(Debug)]
struct Measured {
    latents: Rc<LatentCache>,
    images: Vec<Shown>,
    pairs: usize,
    /// Of the first pair's noise.
    address: u64,
}

/// An image by its numbers among the latents and among the captions.
#[derive(Debug, Clone, Copy)]
struct Shown {
    latent: usize,
    caption: usize,
}

/// The images of a training, of which some are chosen.
#[derive(Debug)]
pub(crate) struct ValidationImages {
    /// Of the concepts' photos, then of their classes' images.
    pub(crate) trained: Rc<LatentCache>,
    /// How many of them show a concept.
    pub(crate) instances: usize,
    /// Of the held-out photos, whose captions come after those of the trained ones.
    pub(crate) held_out: Option<LatentCache>,
}

impl ValidationSet {
    /// The measurement that `settings` ask for; `None` when the training is too short for one.
    pub(crate) fn of(images: ValidationImages, settings: &TrainSettings) -> Option<Self> {
        let ValidationImages { trained, instances, held_out } = images;
        let asked = held_out.is_some() || settings.validation_steps.is_some() || trained.len() > instances;
        let samples = samples(settings, instances);
        if !asked && samples < SAMPLES_MIN {
            return None;
        }
        let pairs = if asked { PAIRS } else { (samples / SAMPLES_A_PAIR).clamp(PAIRS_MIN, PAIRS) };
        let images = trained.len();
        let class = Measured::new(Rc::clone(&trained), instances, instances..images, pairs, CLASS_ADDRESS);
        let (on, concept) = match held_out {
            Some(photos) => {
                let count = photos.len();
                (MeasuredOn::HeldOut, Measured::new(Rc::new(photos), images, 0..count, pairs, 0)?)
            }
            None => (MeasuredOn::TrainingPhotos, Measured::new(trained, 0, 0..instances, pairs, 0)?),
        };
        Some(Self { on, concept, class, streams: Streams::new(settings.unet_seed as u64) })
    }

    /// Measures how well `predict` does; gives up when the occasion says to leave.
    fn measure(
        &self,
        plan: &StagePlan<'_>,
        predict: &Predict<'_>,
        step: u64,
        occasion: &Occasion<'_>,
    ) -> Result<ValidationPoint> {
        let loss = |measured: &Measured| measured.loss(self.streams, plan, predict, occasion);
        let concept = loss(&self.concept)?;
        let class = self.class.as_ref().map(loss).transpose()?;
        Ok(ValidationPoint { step, concept, class })
    }
}

/// About how many samples both stages are trained on.
fn samples(settings: &TrainSettings, instances: usize) -> usize {
    let batches = settings.gradient_accumulation_steps as usize * settings.text_batch_size as usize;
    settings.text_steps as usize * batches + settings.unet_epochs as usize * instances
}

impl Measured {
    /// At most `pairs` of the images in `range` of `latents`, evenly chosen, all in as many pairs. The caption of the first of
    /// them has the number `first_caption`. `None` where there are none.
    fn new(
        latents: Rc<LatentCache>,
        first_caption: usize,
        range: std::ops::Range<usize>,
        pairs: usize,
        address: u64,
    ) -> Option<Self> {
        let chosen = range.len().min(pairs);
        let image = |index: usize| {
            let offset = index * range.len() / chosen;
            Shown { latent: range.start + offset, caption: first_caption + offset }
        };
        let images: Vec<Shown> = (0..chosen).map(image).collect();
        (chosen > 0).then(|| Self { pairs: chosen * pairs.div_ceil(chosen), latents, images, address })
    }

    /// The mean loss over all pairs. One pair after the other: their shapes may differ, and memory is the training's.
    fn loss(
        &self,
        streams: Streams,
        plan: &StagePlan<'_>,
        predict: &Predict<'_>,
        occasion: &Occasion<'_>,
    ) -> Result<f64> {
        let one = |pair| {
            go_on(occasion)?;
            Ok(no_grad(|| self.pair(pair, streams, plan, predict)))
        };
        let losses = (0..self.pairs).map(one).collect::<Result<Vec<Tensor>>>()?;
        Ok(Tensor::f_cat(&losses, 0)?.mean(Kind::Float).f_double_value(&[])?)
    }

    /// The loss of one pair, `[1]` f32.
    fn pair(&self, pair: usize, streams: Streams, plan: &StagePlan<'_>, predict: &Predict<'_>) -> Tensor {
        let Shown { latent, caption } = self.images[pair % self.images.len()];
        let (address, shape) = (self.address + pair as u64, self.latents.shape(&[latent]));
        let noise = streams.normal(Stream::ValidationNoise, address, &shape).to_device(plan.device);
        let timestep = self.timestep(pair, streams, plan.schedule.num_train_timesteps() as usize);
        let timestep = Tensor::from_slice(&[timestep]).to_device(plan.device);
        let latents = self.latents.sample(&[latent], &most_likely(&shape));
        let noisy = plan.schedule.add_noise(&latents, &noise, &timestep).to_kind(plan.compute);
        let target = plan.schedule.target(&latents, &noise, &timestep);
        item_losses(&predict(&noisy, &timestep, &[caption]), &target)
    }

    /// Each pair has a part of the schedule of its own, and a random place in it.
    fn timestep(&self, pair: usize, streams: Streams, timesteps: usize) -> i64 {
        let (begin, end) = (pair * timesteps / self.pairs, (pair + 1) * timesteps / self.pairs);
        let place = streams.below(Stream::ValidationTimestep, self.address, pair, (end - begin).max(1));
        (begin + place).min(timesteps - 1) as i64
    }
}

/// A draw that takes an image's first crop, straight, and the mean of its distribution.
fn most_likely(shape: &[i64]) -> StepNoise {
    let zeros = || Tensor::zeros(shape, (Kind::Float, Device::Cpu));
    StepNoise {
        posterior: zeros(),
        noise: zeros(),
        timesteps: Tensor::zeros([1], (Kind::Int64, Device::Cpu)),
        crop_choices: vec![0.0],
        mirrored: vec![false],
    }
}

/// Measures at the beginning and the end of a stage, and in between where asked. No weight and no draw of the training is
/// touched: with and without it, the same bits are trained.
pub(crate) struct Validation<'a> {
    pub(crate) set: &'a ValidationSet,
    pub(crate) plan: &'a StagePlan<'a>,
    /// Steps between two measurements.
    pub(crate) every: Option<u64>,
}

impl Duty for Validation<'_> {
    fn is_due(&mut self, step: u64) -> bool {
        step == 0 || step == self.plan.steps || self.every.is_some_and(|every| step.is_multiple_of(every))
    }

    fn is_owed(&mut self, step: u64, recorder: &StageRecorder) -> bool {
        self.is_due(step) && !recorder.has_validated(step)
    }

    fn perform(
        &mut self,
        state: &StageState,
        predict: &Predict<'_>,
        recorder: &mut StageRecorder,
        occasion: &mut Occasion<'_>,
    ) -> Result<()> {
        let (stage, step) = (self.plan.stage, state.position().step);
        let point = match as_exported(state, || Ok(self.set.measure(self.plan, predict, step, occasion)))? {
            // Whoever wants the training left is heard next, when its state can be kept.
            Err(TrainingError::Stopped) => return Ok(()),
            point => point?,
        };
        if !(point.concept.is_finite() && point.class.is_none_or(f64::is_finite)) {
            occasion
                .warn(format!("The validation loss after step {step} of the {stage} stage is not a finite number."));
            return Ok(());
        }
        recorder.validated(point);
        occasion.tell(JobEvent::Validation { stage, step, loss: point.concept });
        Ok(())
    }
}
