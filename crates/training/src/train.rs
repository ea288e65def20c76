//! A whole training: in which order its parts run, and what is in memory meanwhile.
//!
//! 1. Prepare: the VAE is loaded, encodes every crop, and is dropped.
//! 2. Text stage: text encoder and UNet are loaded; the text encoder is kept, and the UNet if it did not change.
//! 3. UNet stage: the text encoder embeds the captions and is parked on the disk; the UNet is trained. In the mode
//!    `joint_keep` there is only this stage, and it trains both.

use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use engine::tch::{Device, Kind, Tensor};
use engine::{Parameter, Precision, device_name, memory, no_grad, processor_capability};
use model::base::BaseModel;
use model::tokenizer::{EOS, SEQUENCE_LENGTH};
use model::weights::Overlay;
use model::{LoraSettings, NoiseSchedule, Part, TextConfig, TextEncoder, UNet};
use protocol::{FidelityModels, Occasion, Stage, TrainSettings};

use crate::checkpoint::{CheckpointDuty, Checkpoints, History, Resumption};
use crate::dataset::Dataset;
use crate::error::{Result, TrainingError};
use crate::exported::ExportedWeights;
use crate::latents::LatentCache;
use crate::memory_plan::{self, Demand, Memory, MemoryPlan};
use crate::networks::{self, InTraining, Layout, freeze};
use crate::painter::Pictures;
use crate::parked::Parked;
use crate::prepare::prepare;
use crate::prompts::Prompts;
use crate::recipe::Recipe;
use crate::recorder::StageRecorder;
use crate::report::{ImageReport, LayoutReport, Learnt, Report, StageReport};
use crate::samples::{PromptStates, SamplePlan, Samples, Scene};
use crate::stage::{Predict, StagePlan, StageState, Trainee};
use crate::stage_settings::{Images, Learning, StageSettings};
use crate::stages::Stages;
use crate::validation::{Validation, ValidationImages, ValidationSet};
use crate::watch::{Duty, Watch};

/// What is to be trained, from what, on what.
#[derive(Debug, Clone, Copy)]
pub struct TrainingJob<'a> {
    /// The model to start from.
    pub base: &'a BaseModel,
    /// The request's settings.
    pub settings: &'a TrainSettings,
    /// The folder of unpacked images.
    pub images_dir: &'a Path,
    /// The folder of unpacked images of the class, if there are any.
    pub class_images_dir: Option<&'a Path>,
    /// A folder of the job's own: what has no room in memory waits there, and checkpoints lie there, from which another process
    /// goes on. They stay when the training ends: [`remove_checkpoints`](crate::remove_checkpoints).
    pub scratch_dir: &'a Path,
    /// Steps between two checkpoints; `None`: so many that writing them costs at most 5 % of the time.
    pub checkpoint_steps: Option<u32>,
    /// Where to compute.
    pub device: Device,
    /// What the networks compute in; weights are always f32.
    pub precision: Precision,
    /// Who draws pictures of the class and samples; without anybody, there are none.
    pub pictures: Option<Pictures<'a>>,
    /// Where pictures of classes are kept for other trainings.
    pub class_cache_dir: Option<&'a Path>,
    /// The weights that will judge the samples. With any, the first are drawn by the base model, and the last after the last step.
    pub fidelity: Option<&'a FidelityModels>,
}

/// Weights by their diffusers names.
pub type NamedTensors = Vec<(String, Tensor)>;

/// What a training yields: f32 weights without gradients, each absent when its network was not trained.
#[derive(Debug)]
pub struct Trained {
    /// The text encoder's.
    pub text_encoder: Option<NamedTensors>,
    /// The UNet's.
    pub unet: Option<NamedTensors>,
    /// Set when the two are the matrices of a LoRA, by kohya's names, and not weights.
    pub adapter: Option<LoraSettings>,
    /// How it went.
    pub report: Report,
}

impl Trained {
    /// The whole model: the trained networks over the parts of `base` that were not trained.
    pub fn over<'a>(&self, base: &'a BaseModel) -> Overlay<'a> {
        let mut weights = Overlay::new(base.weights());
        if let Some(text_encoder) = &self.text_encoder {
            weights = weights.with(Part::TextEncoder, text_encoder);
        }
        if let Some(unet) = &self.unet {
            weights = weights.with(Part::Unet, unet);
        }
        weights
    }
}

/// Trains. The same job with the same seeds gives the same bits on a CPU with the same number of threads; another number
/// splits libtorch's sums differently, which changes the last bits. A training that was interrupted goes on from its newest
/// checkpoint, and ends with the bits of one that was not.
///
/// # Errors
/// One sentence for the job's owner: no images, an unusable one, a learning rate that diverges, an unreadable model. And
/// [`TrainingError::Stopped`] at the step after the occasion says so.
pub fn train(job: &TrainingJob<'_>, occasion: &mut Occasion<'_>) -> Result<Trained> {
    let began = occasion.now();
    refuse_small_vocabulary(&job.base.config().text)?;
    let recipe = Recipe::with_autoencoder(job.settings, &job.base.config().vae);
    let stages = Stages::of(job.settings, &recipe);
    stages.check()?;
    let precision = memory_plan::precision(job.settings, job.precision, job.device)?;

    measure_memory_anew(job.device);
    occasion.begin(Stage::Prepare);
    let prepared = prepare(job, &recipe, precision, [stages.text.as_ref(), stages.unet.as_ref()], occasion)?;
    let prepare_s = occasion.now().saturating_sub(began).as_secs_f64();
    let checkpoints = Checkpoints::of(job, &recipe, precision)?;
    let report = report(job, recipe, precision, &prepared.dataset, prepare_s);
    let [text_latents, unet_latents] = prepared.latents;
    let instances = prepared.dataset.train.len();
    let validation = unet_latents.as_ref().or(text_latents.as_ref()).and_then(|latents| {
        let images = ValidationImages { trained: Rc::clone(latents), instances, held_out: prepared.held_out };
        ValidationSet::of(images, job.settings)
    });
    let mut training = Training {
        job,
        began,
        resumption: None,
        checkpoints,
        occasion,
        prompts: prepared.prompts,
        schedule: Rc::new(job.base.schedule()),
        instances,
        validation,
        samples: SamplePlan::of(job, &prepared.dataset.train, stages.ends()),
        compute: precision.kind(),
        report,
        layout: None,
    };
    tell_what_is_exported(&training.report, training.occasion);
    let (text_encoder, unet) =
        training.run_from_the_newest_checkpoint(&stages, text_latents.as_deref(), unet_latents.as_deref())?;
    let measured_on = training.validation.as_ref().map(|validation| validation.on);
    let mut report = Report { total_s: training.seconds(), ..training.report };
    report.learnt = measured_on.and_then(|on| Learnt::of(&report.stages, on));
    let adapter = memory_plan::adapter(job.settings);
    Ok(Trained { text_encoder, unet, adapter, report })
}

/// A training whose data is prepared.
struct Training<'a, 'o, 'j> {
    job: &'a TrainingJob<'j>,
    occasion: &'a mut Occasion<'o>,
    prompts: Rc<Prompts>,
    /// How many of the images show a concept; the others show its class.
    instances: usize,
    compute: Kind,
    schedule: Rc<NoiseSchedule>,
    validation: Option<ValidationSet>,
    samples: Option<SamplePlan<'a>>,
    report: Report,
    /// How the networks of the stage that runs lie in memory.
    layout: Option<LayoutReport>,
    /// When this process began.
    began: Duration,
    checkpoints: Checkpoints,
    /// From where it goes on, if it was interrupted.
    resumption: Option<Rc<Resumption>>,
}

/// What the text stage leaves.
struct TrainedText {
    encoder: TextEncoder,
    /// What is exported.
    result: NamedTensors,
    /// The UNet it learned through, if it is still the base model's, and how it lies.
    unet: Option<(UNet, Layout)>,
}

/// The weights of the text encoder and of the UNet, each if it was trained.
type Both = (Option<NamedTensors>, Option<NamedTensors>);

impl Training<'_, '_, '_> {
    /// All stages, from where the training was interrupted if it was. A checkpoint that turns out not to fit the networks is set
    /// aside, and the one before is gone on from.
    fn run_from_the_newest_checkpoint(
        &mut self,
        stages: &Stages,
        text_latents: Option<&LatentCache>,
        unet_latents: Option<&LatentCache>,
    ) -> Result<Both> {
        loop {
            self.resumption = self.checkpoints.newest(self.occasion).map(Rc::new);
            self.report.go_on(self.resumption.as_ref().map_or_else(History::default, |found| found.history()));
            match (self.stages(stages, text_latents, unet_latents), self.resumption.take()) {
                (Err(TrainingError::UnfitCheckpoint { reason }), Some(unfit)) => {
                    self.checkpoints.set_aside(&unfit, &reason, self.occasion);
                }
                (trained, _) => return trained,
            }
        }
    }

    fn stages(
        &mut self,
        stages: &Stages,
        text_latents: Option<&LatentCache>,
        unet_latents: Option<&LatentCache>,
    ) -> Result<Both> {
        let text = match (&stages.text, text_latents) {
            (Some(settings), Some(latents)) => Some(self.text(settings, stages.joint, latents)?),
            _ => None,
        };
        match (&stages.unet, unet_latents, stages.together) {
            (Some(settings), Some(latents), Some(learning)) => self.both_in_one_stage(settings, learning, latents),
            (Some(settings), Some(latents), None) => self.unet_stage(settings, text, latents),
            _ => Ok((text.map(|text| text.result), None)),
        }
    }

    /// The text stage, or what it left before the interruption.
    fn text(&mut self, settings: &StageSettings, joint: bool, latents: &LatentCache) -> Result<TrainedText> {
        match self.resumption.clone().filter(|resumption| resumption.has_text_encoder()) {
            Some(resumption) => self.text_that_was_left(settings, &resumption),
            None => self.text_stage(settings, joint, latents),
        }
    }

    /// The text encoder as the text stage left it: it lies as it did then, so that it computes the same bits.
    fn text_that_was_left(&mut self, settings: &StageSettings, resumption: &Resumption) -> Result<TrainedText> {
        let demand = Demand::of(self.job.base.config(), self.job.settings, &[Part::TextEncoder], &[], settings.size())?;
        let layout = memory_plan::plan(&demand, self.job.settings, self.compute, Memory::default()).layout;
        let text = networks::trained_text_encoder(self.job.base, self.job.device, &layout)?;
        resumption.put_back_text_encoder(&text.parameters)?;
        freeze(&text.parameters);
        let named = |parameter: &Parameter| (parameter.name().to_owned(), parameter.master().shallow_clone());
        let result = text.parameters.iter().map(named).collect();
        Ok(TrainedText { encoder: text.network, result, unet: None })
    }

    /// The text encoder learns with the loss of a UNet as its teacher, which learns, too, if `joint`, and is thrown away.
    fn text_stage(&mut self, settings: &StageSettings, joint: bool, latents: &LatentCache) -> Result<TrainedText> {
        self.begin(Stage::Text);
        let (trained, frozen): (&[Part], &[Part]) =
            if joint { (&[Part::TextEncoder, Part::Unet], &[]) } else { (&[Part::TextEncoder], &[Part::Unet]) };
        let (job, layout) = (self.job, self.layout(settings, trained, frozen)?);
        let text = networks::trained_text_encoder(job.base, job.device, &layout)?;
        let (schedule, prompts) = (Rc::clone(&self.schedule), Rc::clone(&self.prompts));
        let noise = settings.noise(&schedule);
        let plan = settings.plan(job, &schedule, Images { latents, instances: self.instances }, &noise, layout.compute);
        let mut trainees = vec![settings.learning.trainee("text_encoder", text.parameters, plan.steps)?];
        let unet = if joint {
            let unet = networks::trained_unet(job.base, job.device, &layout)?;
            trainees.push(settings.learning.trainee("unet", unet.parameters, plan.steps)?);
            unet.network
        } else {
            networks::frozen_unet(job.base, job.device, &layout)?
        };
        let predict = |noisy: &Tensor, timesteps: &Tensor, batch: &[usize]| {
            let context = text.network.forward(&prompts.ids(batch, job.device), layout.compute);
            unet.forward(noisy, timesteps, &context)
        };
        let states = PromptStates::Changing(&text.network);
        let scene = Scene { states, unet: &unet, side: settings.framing.resolution };
        let trainees = self.run(&plan, trainees, &predict, scene)?;
        let result = settle(&trainees[0])?;
        Ok(TrainedText { encoder: text.network, result, unet: (!joint).then_some((unet, layout)) })
    }

    /// The UNet learns to draw the concept whenever its caption is the context. It starts as the base model's, not as that of
    /// the text stage.
    fn unet_stage(
        &mut self,
        settings: &StageSettings,
        text: Option<TrainedText>,
        latents: &LatentCache,
    ) -> Result<Both> {
        let job = self.job;
        self.occasion.begin(Stage::Unet);
        let (encoder, parked, unet) = match text {
            Some(TrainedText { encoder, result, unet }) => {
                (encoder, Some(Parked::park(result, job.scratch_dir)?), unet)
            }
            None => (job.base.text_encoder(job.device, Kind::Float)?, None, None),
        };
        parked.iter().for_each(|parked| self.checkpoints.keep_text_encoder(parked));
        let embeddings = self.prompts.encode(&encoder, job.device);
        let states =
            PromptStates::Fixed(self.samples.as_ref().map_or_else(Vec::new, |plan| plan.encode(&encoder, job)));
        drop(encoder);
        let held = unet.as_ref().map_or(0, |(unet, _)| bytes_of(unet.parameters()));
        let layout = self.layout_beside(settings, &[Part::Unet], &[], held)?;
        let thawed = match unet {
            Some((unet, from)) => networks::thaw(job.base, unet, &from, &layout)?,
            None => None,
        };
        let unet = match thawed {
            Some(unet) => unet,
            None => networks::trained_unet(job.base, job.device, &layout)?,
        };
        measure_memory_anew(job.device);
        let schedule = Rc::clone(&self.schedule);
        let noise = settings.noise(&schedule);
        let plan = settings.plan(job, &schedule, Images { latents, instances: self.instances }, &noise, layout.compute);
        let InTraining { network, parameters } = unet;
        let trainees = vec![settings.learning.trainee("unet", parameters, plan.steps)?];
        let predict = |noisy: &Tensor, timesteps: &Tensor, batch: &[usize]| {
            network.forward(noisy, timesteps, &embeddings.context(batch))
        };
        let scene = Scene { states, unet: &network, side: settings.framing.resolution };
        let trainees = self.run(&plan, trainees, &predict, scene)?;
        let text_encoder = parked.map(|parked| parked.fetch()).transpose()?;
        Ok((text_encoder, Some(settle(&trainees[0])?)))
    }

    /// Both networks learn together, each at its own rate, the text encoder for its first steps; both are kept.
    fn both_in_one_stage(
        &mut self,
        settings: &StageSettings,
        (learning, text_steps): (Learning, u64),
        latents: &LatentCache,
    ) -> Result<Both> {
        self.begin(Stage::Unet);
        let (job, layout) = (self.job, self.layout(settings, &[Part::Unet, Part::TextEncoder], &[])?);
        let (schedule, prompts) = (Rc::clone(&self.schedule), Rc::clone(&self.prompts));
        let noise = settings.noise(&schedule);
        let plan = settings.plan(job, &schedule, Images { latents, instances: self.instances }, &noise, layout.compute);
        let text = networks::trained_text_encoder(job.base, job.device, &layout)?;
        let unet = networks::trained_unet(job.base, job.device, &layout)?;
        let trainees = vec![
            settings.learning.trainee("unet", unet.parameters, plan.steps)?,
            learning.trainee("text_encoder", text.parameters, text_steps.min(plan.steps))?,
        ];
        let predict = |noisy: &Tensor, timesteps: &Tensor, batch: &[usize]| {
            let context = text.network.forward(&prompts.ids(batch, job.device), layout.compute);
            unet.network.forward(noisy, timesteps, &context)
        };
        let states = PromptStates::Changing(&text.network);
        let scene = Scene { states, unet: &unet.network, side: settings.framing.resolution };
        let trainees = self.run(&plan, trainees, &predict, scene)?;
        Ok((Some(settle(&trainees[1])?), Some(settle(&trainees[0])?)))
    }

    fn begin(&mut self, stage: Stage) {
        measure_memory_anew(self.job.device);
        self.occasion.begin(stage);
    }

    /// Runs a stage to its end, from where it was interrupted if it was, and reports on it.
    fn run(
        &mut self,
        plan: &StagePlan<'_>,
        trainees: Vec<Trainee>,
        predict: &Predict<'_>,
        scene: Scene<'_>,
    ) -> Result<Vec<Trainee>> {
        let mut state = StageState::new(trainees);
        if let Some(resumption) = &self.resumption {
            resumption.put_back(plan.stage, &mut state)?;
        }
        let interrupted = self.report.stages.pop_if(|last| last.stage == plan.stage);
        let recorder = StageRecorder::begin(self.occasion, plan, state.trainees(), interrupted, self.layout.take());
        let mut duties: Vec<Box<dyn Duty + '_>> = Vec::new();
        if let Some(set) = &self.validation {
            duties.push(Box::new(Validation { set, plan, every: self.job.settings.validation_steps.map(u64::from) }));
        }
        if let Some(samples) = &self.samples {
            duties.push(Box::new(Samples { plan: samples, job: self.job, stage: plan, scene }));
        }
        let history =
            History { stages: self.report.stages.clone(), seconds: self.seconds(), resumed: self.report.resumed };
        let newest = self.resumption.as_ref().and_then(|resumption| resumption.step_of(plan.stage));
        let mut checkpoint = CheckpointDuty::new(&mut self.checkpoints, plan, newest, history, self.occasion);
        checkpoint.keep_text_encoder(&recorder, self.occasion);
        // The last of the duties, so that it keeps what the others found.
        duties.push(Box::new(checkpoint));
        let mut watch = Watch { occasion: self.occasion, recorder, duties };
        watch.begin(&state, predict)?;
        plan.run(&mut state, predict, &mut watch)?;
        let stage: StageReport = watch.recorder.so_far(watch.occasion);
        self.report.stages.push(stage);
        Ok(state.into_trainees())
    }

    /// How long all of it took until now, interruptions left out.
    fn seconds(&self) -> f64 {
        self.report.total_s + self.occasion.now().saturating_sub(self.began).as_secs_f64()
    }

    /// How the networks of a stage lie in memory; the owner is told of what was decided.
    fn layout(&mut self, settings: &StageSettings, trained: &[Part], frozen: &[Part]) -> Result<Layout> {
        self.layout_beside(settings, trained, frozen, 0)
    }

    /// [`Self::layout`] while `held` bytes are still taken that the stage takes over or frees.
    fn layout_beside(
        &mut self,
        settings: &StageSettings,
        trained: &[Part],
        frozen: &[Part],
        held: u64,
    ) -> Result<Layout> {
        let demand = Demand::of(self.job.base.config(), self.job.settings, trained, frozen, settings.size())?;
        let interrupted = self.report.stages.last().filter(|last| last.stage == settings.stage);
        let memory = Memory {
            available: memory::available_bytes(self.job.device).map(|bytes| bytes + held),
            begun: interrupted.and_then(|stage| stage.memory_layout.as_ref()).map(|layout| layout.recomputed),
        };
        let MemoryPlan { layout, note, is_short } = memory_plan::plan(&demand, self.job.settings, self.compute, memory);
        self.layout = Some(LayoutReport::of(&layout, settings.size().adam_8_bit, note.clone()));
        match note {
            Some(note) if is_short => self.occasion.warn(note),
            Some(note) => self.occasion.note(note),
            None => {}
        }
        Ok(layout)
    }
}

fn bytes_of(tensors: &[(String, Tensor)]) -> u64 {
    tensors.iter().map(|(_, tensor)| (tensor.numel() * tensor.kind().elt_size_in_bytes()) as u64).sum()
}

/// Says so when the weights that are exported are not the last ones.
fn tell_what_is_exported(report: &Report, occasion: &mut Occasion<'_>) {
    if let (ExportedWeights::Average, Some(decay)) = (report.exported_weights, report.parameters.ema_decay) {
        occasion.note(format!(
            "The moving average of the weights (ema_decay {decay}) is exported, validated and drawn with, not the last weights."
        ));
    }
}

/// The network as it is exported, without gradients. Where an average is kept, the network computes with it from now on.
fn settle(trainee: &Trainee) -> Result<NamedTensors> {
    let parameters = trainee.optimizer.parameters();
    freeze(parameters);
    let result = trainee.result();
    if trainee.ema.is_some() {
        for (parameter, (_, average)) in parameters.iter().zip(&result) {
            no_grad(|| parameter.load(average))?;
        }
    }
    Ok(result)
}

/// Token ids beyond a model's tables must not reach libtorch.
fn refuse_small_vocabulary(config: &TextConfig) -> Result<()> {
    let (tokens, positions) = (config.vocab_size, config.max_position_embeddings);
    if tokens <= EOS || positions < SEQUENCE_LENGTH as i64 {
        return Err(TrainingError::TextEncoder { tokens, positions });
    }
    Ok(())
}

/// The report before the stages have run.
fn report(job: &TrainingJob<'_>, recipe: Recipe, precision: Precision, dataset: &Dataset, prepare_s: f64) -> Report {
    Report {
        base_model: job.base.name(),
        device: device_name(job.device),
        processor: processor_capability().to_string(),
        precision: precision.to_string(),
        parameters: job.settings.clone(),
        recipe,
        images: dataset.train.iter().map(ImageReport::from).collect(),
        held_out: dataset.held_out.iter().map(ImageReport::from).collect(),
        class_images: dataset.class.iter().map(ImageReport::from).collect(),
        left_out: dataset.left_out.clone(),
        remarks: dataset.remarks.clone(),
        prepare_s,
        prepare_peak_rss_bytes: memory::peak_rss_bytes(),
        stages: Vec::new(),
        exported_weights: job.settings.ema_decay.map_or(ExportedWeights::Last, |_| ExportedWeights::Average),
        learnt: None,
        fidelity: None,
        export_s: None,
        total_s: 0.0,
        resumed: 0,
    }
}

/// Gives back what the last part has dropped, so that each stage's peak is its own.
fn measure_memory_anew(device: Device) {
    memory::release_unused(device);
    memory::reset_peak(device);
}
