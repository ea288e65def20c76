//! A whole training: in which order its parts run, and what is in memory meanwhile.
//!
//! 1. Prepare: the VAE is loaded, encodes every crop, and is dropped.
//! 2. Text stage: text encoder and UNet are loaded; only the text encoder is kept.
//! 3. UNet stage: the text encoder embeds the captions and is parked on the disk; the UNet is loaded afresh and trained.

use std::path::Path;
use std::rc::Rc;

use engine::tch::{Device, Kind};
use engine::{Precision, device_name, memory, processor_capability};
use model::base::BaseModel;
use model::tokenizer::{EOS, SEQUENCE_LENGTH};
use model::weights::Overlay;
use model::{Part, TextConfig, TextEncoder, UNet};
use protocol::{Occasion, Stage, TrainSettings};

use crate::dataset::{self, Photo};
use crate::error::{Result, TrainingError};
use crate::latents::{Framing, LatentCache};
use crate::parked::ParkedTextEncoder;
use crate::plan::StageSettings;
use crate::prompts::{Embeddings, Prompts};
use crate::recorder::{StageRecorder, go_on};
use crate::report::{ImageReport, Report};
use crate::text_stage::TextStage;
use crate::unet_stage::UnetStage;

/// What is to be trained, from what, on what.
#[derive(Debug)]
pub struct TrainingJob<'a> {
    /// The model to start from.
    pub base: &'a BaseModel,
    /// The request's settings.
    pub settings: &'a TrainSettings,
    /// The folder of unpacked images.
    pub images_dir: &'a Path,
    /// A folder of the job's own: what has no room in memory waits there, and is gone when the training ends.
    pub scratch_dir: &'a Path,
    /// Where to compute.
    pub device: Device,
    /// What the networks compute in; weights are always f32.
    pub precision: Precision,
}

/// What a training yields: f32 networks without gradients, each absent when its stage had no steps.
#[derive(Debug)]
pub struct Trained {
    /// The trained text encoder.
    pub text_encoder: Option<TextEncoder>,
    /// The trained UNet.
    pub unet: Option<UNet>,
    /// How it went.
    pub report: Report,
}

impl Trained {
    /// The whole model: the trained networks over the parts of `base` that were not trained.
    pub fn over<'a>(&self, base: &'a BaseModel) -> Overlay<'a> {
        let mut weights = Overlay::new(base.weights());
        if let Some(text_encoder) = &self.text_encoder {
            weights = weights.with(Part::TextEncoder, text_encoder.parameters());
        }
        if let Some(unet) = &self.unet {
            weights = weights.with(Part::Unet, unet.parameters());
        }
        weights
    }
}

/// Trains. The same job with the same seeds gives the same bits on a CPU with the same number of threads; another number
/// splits libtorch's sums differently, which changes the last bits.
///
/// # Errors
/// One sentence for the job's owner: no images, an unusable one, a learning rate that diverges, an unreadable model. And
/// [`TrainingError::Stopped`] at the step after the occasion says so.
pub fn train(job: &TrainingJob<'_>, occasion: &mut Occasion<'_>) -> Result<Trained> {
    let began = occasion.now();
    refuse_small_vocabulary(&job.base.config().text)?;
    let (text, unet) = (StageSettings::text(job.settings), StageSettings::unet(job.settings));
    text.check("text_learning_rate")?;
    unet.check("unet_learning_rate")?;

    measure_memory_anew(job.device);
    occasion.begin(Stage::Prepare);
    let photos = dataset::find_photos(job.images_dir, job.settings.concept_name.as_deref())?;
    warn_of_empty_captions(&photos, occasion);
    let prompts = Prompts::new(&photos, &job.base.tokenizer());
    let [text_latents, unet_latents] = encode_for(job, &photos, [&text, &unet], occasion)?;
    let schedule = job.base.schedule();
    let prepare_s = occasion.now().saturating_sub(began).as_secs_f64();
    let mut report = report(job, &photos, prepare_s);
    let (mut text_encoder, mut trained_unet) = (None, None);
    if let Some(latents) = text_latents {
        measure_memory_anew(job.device);
        occasion.begin(Stage::Text);
        let noise = text.noise(&schedule);
        let plan = text.plan(job, &schedule, &latents, &noise);
        let networks = TextStage::load(job.base, job.settings.text_training, job.device, plan.compute)?;
        let mut recorder = StageRecorder::begin(occasion, &plan, networks.trained());
        networks.run(&plan, &prompts, |step| recorder.record(step))?;
        report.stages.push(recorder.finish());
        text_encoder = Some(networks.into_text_encoder());
    }
    if let Some(latents) = unet_latents {
        occasion.begin(Stage::Unet);
        let (embeddings, parked) = embed_and_park(job, &prompts, text_encoder.take())?;
        measure_memory_anew(job.device);
        let noise = unet.noise(&schedule);
        let plan = unet.plan(job, &schedule, &latents, &noise);
        let network = UnetStage::load(job.base, job.device)?;
        let mut recorder = StageRecorder::begin(occasion, &plan, network.trained());
        network.run(&plan, &embeddings, |step| recorder.record(step))?;
        report.stages.push(recorder.finish());
        trained_unet = Some(network.into_unet());
        text_encoder = parked.map(|parked| parked.fetch(job.base, job.device)).transpose()?;
    }
    report.total_s = occasion.now().saturating_sub(began).as_secs_f64();
    Ok(Trained { text_encoder, unet: trained_unet, report })
}

/// The latents of each stage that is not skipped; stages with equal framing share them. The VAE computes in f32: it runs
/// once per crop, and the VAEs of some models overflow in half precision.
fn encode_for(
    job: &TrainingJob<'_>,
    photos: &[Photo],
    stages: [&StageSettings; 2],
    occasion: &mut Occasion<'_>,
) -> Result<[Option<Rc<LatentCache>>; 2]> {
    let mut framings: Vec<Framing> = Vec::new();
    for stage in stages.iter().filter(|stage| !stage.is_skipped()) {
        if !framings.contains(&stage.framing) {
            framings.push(stage.framing);
        }
    }
    if framings.is_empty() {
        return Ok([None, None]);
    }
    let vae = job.base.vae(job.device, Kind::Float)?;
    let meter = occasion.meter(Stage::Prepare, (framings.len() * photos.len()) as u64);
    let mut caches = Vec::new();
    for (round, &framing) in framings.iter().enumerate() {
        let done = |photo| {
            occasion.step(&meter, (round * photos.len() + photo) as u64, None);
            go_on(occasion)
        };
        caches.push(Rc::new(LatentCache::encode(photos, framing, &vae, job.device, done)?));
    }
    let of = |stage: &StageSettings| {
        let found = framings.iter().position(|framing| *framing == stage.framing && !stage.is_skipped());
        found.map(|index| Rc::clone(&caches[index]))
    };
    Ok(stages.map(of))
}

/// The captions' embeddings by the trained text encoder, or by the base model's when the text stage was skipped. A trained
/// one is parked, the base model's is dropped.
fn embed_and_park(
    job: &TrainingJob<'_>,
    prompts: &Prompts,
    trained: Option<TextEncoder>,
) -> Result<(Embeddings, Option<ParkedTextEncoder>)> {
    match trained {
        Some(encoder) => {
            let embeddings = prompts.encode(&encoder, job.device);
            Ok((embeddings, Some(ParkedTextEncoder::park(encoder, job.scratch_dir)?)))
        }
        None => Ok((prompts.encode(&job.base.text_encoder(job.device, Kind::Float)?, job.device), None)),
    }
}

/// Token ids beyond a model's tables must not reach libtorch.
fn refuse_small_vocabulary(config: &TextConfig) -> Result<()> {
    let (tokens, positions) = (config.vocab_size, config.max_position_embeddings);
    if tokens <= EOS || positions < SEQUENCE_LENGTH as i64 {
        return Err(TrainingError::TextEncoder { tokens, positions });
    }
    Ok(())
}

fn warn_of_empty_captions(photos: &[Photo], occasion: &mut Occasion<'_>) {
    let empty: Vec<&Photo> = photos.iter().filter(|photo| photo.caption.trim().is_empty()).collect();
    if let Some(first) = empty.first() {
        occasion.warn(format!(
            "{} of {} images have an empty caption (such as {}), so the model cannot connect them with a name; give \
             concept_name, or put the concept's name into the file names.",
            empty.len(),
            photos.len(),
            first.name.display()
        ));
    }
}

/// The report before the stages have run.
fn report(job: &TrainingJob<'_>, photos: &[Photo], prepare_s: f64) -> Report {
    Report {
        base_model: job.base.name(),
        device: device_name(job.device),
        processor: processor_capability().to_string(),
        precision: job.precision.to_string(),
        parameters: job.settings.clone(),
        images: photos.iter().map(ImageReport::from).collect(),
        prepare_s,
        prepare_peak_rss_bytes: memory::peak_rss_bytes(),
        stages: Vec::new(),
        total_s: 0.0,
    }
}

/// Gives back what the last part has dropped, so that each stage's peak is its own.
fn measure_memory_anew(device: Device) {
    memory::release_unused(device);
    memory::reset_peak(device);
}
