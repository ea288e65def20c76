//! A recorded training rebuilt from the product's own parts: its loop, batches, loss, networks and optimizer.

use engine::tch::{Device, Kind, Tensor};
use engine::{AdamW, Parameter};
use model::base::BaseModel;
use model::{NoiseSchedule, TextEncoder, UNet};
use protocol::{LrScheduler, Stage};
use training::batches::Batches;
use training::latents::LatentCache;
use training::loss::LossRule;
use training::lr_schedule::LearningRate;
use training::networks::{InTraining, Layout, trained_text_encoder, trained_unet};
use training::noise::{NoiseSource, StepNoise, Streams};
use training::stage::{ADAMW, StagePlan, StageState, StepRecord, Trainee};

use crate::given::{Item, draw, ids};
use crate::recording::Recording;

/// The recorded draws: those of the whole step, of which a batch takes its rows when a step has several.
#[derive(Debug)]
struct Drawn {
    offset: f64,
    pieces: u64,
}

impl NoiseSource for Drawn {
    fn draw(&self, number: u64, shape: &[i64]) -> StepNoise {
        let whole = draw((number / self.pieces) as u32, shape[0] * self.pieces as i64, self.offset);
        let first = (number % self.pieces) as i64 * shape[0];
        let rows = |tensor: &Tensor| tensor.narrow(0, first, shape[0]);
        StepNoise {
            posterior: rows(&whole.posterior),
            noise: rows(&whole.noise),
            timesteps: rows(&whole.timesteps),
            crop_choices: vec![0.0; shape[0] as usize],
            mirrored: vec![false; shape[0] as usize],
        }
    }
}

/// What a case trains on, and how.
pub(crate) struct Course {
    pub(crate) batches: Batches,
    /// Which recorded image stands under each number of `batches`.
    pub(crate) items: Vec<Item>,
    pub(crate) schedule: NoiseSchedule,
    pub(crate) loss: LossRule,
    pub(crate) offset: f64,
    /// Batches of a step.
    pub(crate) accumulation: u64,
}

impl Course {
    /// Nothing but the plain loss of epsilon on these batches.
    pub(crate) fn plain(base: &BaseModel, batches: Batches, items: Vec<Item>) -> Self {
        let (schedule, loss) = (base.schedule(), LossRule::default());
        Self { batches, items, schedule, loss, offset: 0.0, accumulation: 1 }
    }

    /// Batches that show exactly these items, in batches of one size: an epoch is as long as the training, so that an image
    /// stands under as many numbers as it is shown times. `instances` of a batch are photos, the others of the class.
    pub(crate) fn showing(base: &BaseModel, shown: &[Vec<Item>], instances: usize) -> Self {
        let (size, steps) = (shown[0].len(), shown.len());
        let blank = LatentCache::new((0..size * steps).map(|_| vec![shown[0][0].latent()]).collect());
        let batches = Batches::of(&blank, instances * steps, Streams::new(1), instances);
        let mut items = vec![shown[0][0]; size * steps];
        for (number, shown) in shown.iter().enumerate() {
            let batch = batches.batch(number as u64);
            assert_eq!((batch.images.len(), batch.instances), (size, instances));
            batch.images.iter().zip(shown).for_each(|(&image, &item)| items[image] = item);
        }
        Self::plain(base, batches, items)
    }

    /// The items of a batch.
    pub(crate) fn shown(&self, images: &[usize]) -> Vec<Item> {
        images.iter().map(|&image| self.items[image]).collect()
    }

    /// Trains in the dtype `compute` and shows each step and what it left to `after`. `context` is what the UNet sees of a
    /// batch's items.
    pub(crate) fn train(
        &self,
        trainees: Vec<Trainee>,
        (unet, compute): (&UNet, Kind),
        context: &dyn Fn(&[Item]) -> Tensor,
        after: &mut dyn FnMut(StepRecord, &StageState),
    ) {
        let plan = StagePlan {
            stage: Stage::Unet,
            steps: trainees[0].steps,
            schedule: &self.schedule,
            latents: &LatentCache::new(self.items.iter().map(|item| vec![item.latent()]).collect()),
            batches: self.batches.clone(),
            noise: &Drawn { offset: self.offset, pieces: self.accumulation },
            loss: self.loss,
            accumulation: self.accumulation,
            device: Device::Cpu,
            compute,
        };
        let predict = |noisy: &Tensor, timesteps: &Tensor, images: &[usize]| {
            unet.forward(noisy, timesteps, &context(&self.shown(images)))
        };
        let base_rate = trainees[0].learning_rate.base;
        let mut state = StageState::new(trainees);
        while state.position().step < plan.steps {
            let record = state.step(&plan, &predict).unwrap().read(&plan, base_rate).unwrap();
            after(record, &state);
        }
    }
}

/// A network that learns as recorded: AdamW at a linear rate.
pub(crate) fn learning(name: &'static str, parameters: Vec<Parameter>, base_rate: f64, steps: u64) -> Trainee {
    let learning_rate = LearningRate { base: base_rate, scheduler: LrScheduler::Linear };
    Trainee { name, optimizer: Box::new(AdamW::new(parameters, ADAMW)), learning_rate, steps, ema: None }
}

/// Trains the UNet alone on given contexts and compares every step.
pub(crate) fn compare_unet_stage(
    course: &Course,
    mut recording: Recording,
    base: &BaseModel,
    context: &dyn Fn(&[Item]) -> Tensor,
) {
    let InTraining { network, parameters } = trained_unet(base, Device::Cpu, &Layout::FP32).unwrap();
    let trainees = vec![learning("unet", parameters, recording.base_rate(), recording.steps())];
    course.train(trainees, (&network, Kind::Float), context, &mut |record, state| recording.compare(record, state));
    recording.finish();
}

/// Both networks in training, captions padded to at least `positions`.
pub(crate) struct Both {
    pub(crate) text: TextEncoder,
    pub(crate) unet: UNet,
    pub(crate) parameters: [Vec<Parameter>; 2],
}

impl Both {
    pub(crate) fn load(base: &BaseModel, layout: &Layout) -> Self {
        let text = trained_text_encoder(base, Device::Cpu, layout).unwrap();
        let unet = trained_unet(base, Device::Cpu, layout).unwrap();
        Self { text: text.network, unet: unet.network, parameters: [text.parameters, unet.parameters] }
    }

    /// Trains them together and shows each step to `after`; captions take at least so many positions. Gives the networks.
    pub(crate) fn train(
        self,
        course: &Course,
        (base_rate, steps): (f64, u64),
        (compute, positions): (Kind, usize),
        after: &mut dyn FnMut(StepRecord, &StageState),
    ) -> (TextEncoder, UNet) {
        let [text, unet] = self.parameters;
        let trainees = vec![learning("text_encoder", text, base_rate, steps), learning("unet", unet, base_rate, steps)];
        let context = |items: &[Item]| self.text.forward(&ids(items, positions), compute);
        course.train(trainees, (&self.unet, compute), &context, after);
        (self.text, self.unet)
    }
}

/// Trains both networks together, compares every step, and gives the trained text encoder.
pub(crate) fn compare_both(
    course: &Course,
    mut recording: Recording,
    base: &BaseModel,
    positions: usize,
) -> TextEncoder {
    let length = (recording.base_rate(), recording.steps());
    let both = Both::load(base, &Layout::FP32);
    let (text, _) =
        both.train(course, length, (Kind::Float, positions), &mut |record, state| recording.compare(record, state));
    recording.finish();
    text
}
