//! Sample pictures in the middle of a training: the same prompts and seeds each time, so that one sees the model change.

use engine::tch::{Kind, Tensor};
use model::{TextEncoder, UNet};
use protocol::{FileContent, Occasion, Stage, TrainSettings};
use serde::{Deserialize, Serialize};

use crate::dataset::Photo;
use crate::error::{Result, TrainingError};
use crate::exported::as_exported;
use crate::noise::{Stream, Streams};
use crate::painter::{Canvas, Manner, Pictures, Sketch, encode_prompts};
use crate::recorder::StageRecorder;
use crate::stage::{Predict, StagePlan, StageState};
use crate::train::TrainingJob;
use crate::watch::Duty;

/// Most times that samples are drawn in a stage; a report with more is not looked at, and the files have to lie somewhere.
const ROUNDS_MAX: u64 = 100;

/// A sample picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleReport {
    /// Steps of the stage done.
    pub step: u64,
    /// What it is drawn of.
    pub prompt: String,
    /// Its seed.
    pub seed: u64,
    /// Its file, beside the report.
    pub file: String,
}

/// What is drawn, and by whom.
#[derive(Debug)]
pub(crate) struct SamplePlan<'a> {
    pictures: Pictures<'a>,
    prompts: Vec<String>,
    seeds: Vec<u64>,
    every: Option<u64>,
    /// The stages before which and after which are drawn what is compared.
    compared: Option<(Stage, Stage)>,
}

impl<'a> SamplePlan<'a> {
    /// What `job` asks for; `photos` are trained on, from the beginning of the first stage to the end of the last.
    pub(crate) fn of(job: &TrainingJob<'a>, photos: &[Photo], ends: Option<(Stage, Stage)>) -> Option<Self> {
        let (pictures, settings): (_, &TrainSettings) = (job.pictures?, job.settings);
        let every = settings.sample_steps.map(u64::from);
        let compared = ends.filter(|_| job.fidelity.is_some_and(|models| !models.is_empty()));
        if every.is_none() && compared.is_none() {
            return None;
        }
        let first_caption = || photos.first().map(|photo| photo.caption.clone()).unwrap_or_default();
        let prompts = match settings.sample_prompts.as_slice() {
            [] => vec![first_caption()],
            prompts => prompts.to_vec(),
        };
        let streams = Streams::new(settings.unet_seed as u64);
        let seeds =
            (0..prompts.len()).map(|index| streams.below(Stream::SampleSeed, 0, index, 1 << 32) as u64).collect();
        Some(Self { pictures, prompts, seeds, every, compared })
    }

    /// What `encoder`, which does not change any more, makes of the prompts.
    pub(crate) fn encode(&self, encoder: &TextEncoder, job: &TrainingJob<'_>) -> Vec<Tensor> {
        self.states(encoder, job, Kind::Float)
    }

    /// The states of the empty prompt, then of the others.
    fn states(&self, encoder: &TextEncoder, job: &TrainingJob<'_>, compute: Kind) -> Vec<Tensor> {
        let prompts = std::iter::once("").chain(self.prompts.iter().map(String::as_str));
        encode_prompts(prompts, encoder, job.base, job.device, compute)
    }
}

/// What the text encoder makes of the empty prompt and of the others.
#[derive(Debug)]
pub(crate) enum PromptStates<'a> {
    /// It was asked once.
    Fixed(Vec<Tensor>),
    /// It is trained, and asked each time.
    Changing(&'a TextEncoder),
}

/// What a stage draws with.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) states: PromptStates<'a>,
    pub(crate) unet: &'a UNet,
    /// Side of the pictures in pixels.
    pub(crate) side: u32,
}

/// Draws every so many steps, and where the training begins and ends if that is compared. A sample that fails costs a warning: the training is worth more than its pictures.
#[derive(Debug)]
pub(crate) struct Samples<'a> {
    pub(crate) plan: &'a SamplePlan<'a>,
    pub(crate) job: &'a TrainingJob<'a>,
    pub(crate) stage: &'a StagePlan<'a>,
    pub(crate) scene: Scene<'a>,
}

impl Samples<'_> {
    /// Whether so many steps lie between two rounds.
    fn is_round(&self, step: u64) -> bool {
        let every = self.plan.every.map(|every| every.max(self.stage.steps.div_ceil(ROUNDS_MAX)));
        step > 0 && every.is_some_and(|every| step.is_multiple_of(every))
    }

    /// Whether the training begins or ends here, and that is compared.
    fn is_compared(&self, step: u64) -> bool {
        let StagePlan { stage, steps, .. } = *self.stage;
        self.plan.compared.is_some_and(|(first, last)| (stage, step) == (first, 0) || (stage, step) == (last, steps))
    }

    fn draw(&self, step: u64, recorder: &mut StageRecorder, occasion: &Occasion<'_>) -> Result<()> {
        let SamplePlan { pictures, prompts, seeds, .. } = self.plan;
        let Scene { unet, side, .. } = self.scene;
        let StagePlan { stage, device, compute, .. } = *self.stage;
        let encoded;
        let states = match &self.scene.states {
            PromptStates::Fixed(states) => states,
            PromptStates::Changing(encoder) => {
                encoded = self.plan.states(encoder, self.job, compute);
                &encoded
            }
        };
        let sketch = |index: usize| Sketch {
            prompt: &prompts[index],
            positive: &states[index + 1],
            negative: &states[0],
            seed: seeds[index],
        };
        let sketches: Vec<Sketch<'_>> = (0..prompts.len()).map(sketch).collect();
        let canvas = Canvas { base: self.job.base, unet, device, compute };
        pictures.painter.draw(canvas, Manner::usual(side), &sketches, occasion.stop, &mut |index, png| {
            let file = format!("sample-{stage}-{step:05}-{index}.png");
            let content = FileContent::Sample { stage, step };
            (pictures.keep)(&file, content, &png)
                .map_err(|source| TrainingError::Write { path: file.clone().into(), source })?;
            recorder.sampled(SampleReport { step, prompt: prompts[index].clone(), seed: seeds[index], file });
            Ok(())
        })
    }
}

impl Duty for Samples<'_> {
    fn is_due(&mut self, step: u64) -> bool {
        self.is_round(step) || self.is_compared(step)
    }

    fn is_owed(&mut self, step: u64, recorder: &StageRecorder) -> bool {
        self.is_due(step) && !recorder.has_sampled(step)
    }

    fn perform(
        &mut self,
        state: &StageState,
        _: &Predict<'_>,
        recorder: &mut StageRecorder,
        occasion: &mut Occasion<'_>,
    ) -> Result<()> {
        let step = state.position().step;
        match as_exported(state, || Ok(self.draw(step, recorder, occasion)))? {
            // Whoever wants the training left is heard next, when its state can be kept.
            Ok(()) | Err(TrainingError::Stopped) => {}
            Err(error) => occasion.warn(format!(
                "The sample pictures after step {step} of the {} stage could not be drawn: {error}",
                self.stage.stage
            )),
        }
        Ok(())
    }
}
