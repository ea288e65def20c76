//! Before the first step: photos are found, captioned, cut and encoded.

use std::rc::Rc;

use engine::Precision;
use engine::tch::Kind;
use protocol::{Occasion, Stage};

use crate::class_pictures;
use crate::dataset::{DataRules, Dataset, Folders, Photo, Remark, RemarkKind};
use crate::error::Result;
use crate::framing::Framing;
use crate::latents::{LatentCache, LatentEncoder};
use crate::prompts::Prompts;
use crate::recipe::Recipe;
use crate::recorder::go_on;
use crate::stage_settings::StageSettings;
use crate::train::TrainingJob;

/// What a training is done on.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) dataset: Dataset,
    /// Captions of what is trained on, then of the held-out photos.
    pub(crate) prompts: Rc<Prompts>,
    /// The latents of each stage, text and UNet; absent where there is no such stage.
    pub(crate) latents: [Option<Rc<LatentCache>>; 2],
    /// Those of the held-out photos, cut as in the last stage that there is, but in their centre.
    pub(crate) held_out: Option<LatentCache>,
}

/// Gathers the data set, completes it with pictures of the class, drawn in `precision`, and encodes it for the stages that there
/// are.
///
/// # Errors
/// When there is nothing to train on, a picture cannot be drawn, or the VAE cannot be read; [`crate::TrainingError::Stopped`] when it is to be left.
pub(crate) fn prepare(
    job: &TrainingJob<'_>,
    recipe: &Recipe,
    precision: Precision,
    stages: [Option<&StageSettings>; 2],
    occasion: &mut Occasion<'_>,
) -> Result<Prepared> {
    let rules = DataRules {
        caption_files: recipe.caption_files,
        verbatim_concept_name: recipe.verbatim_concept_name,
        exif_orientation: recipe.exif_orientation,
        held_out_images: job.settings.held_out_images as usize,
    };
    let folders = Folders { images: job.images_dir, class_images: job.class_images_dir };
    let mut dataset = Dataset::gather(folders, job.settings, &rules, |_, _| go_on(occasion))?;
    dataset.remarks.iter().for_each(|remark| tell(remark, occasion));
    let framings = stages.map(|stage| stage.map(|stage| stage.framing));
    let last_framing = framings[1].or(framings[0]);
    let side = last_framing.map(|framing| framing.resolution);
    let drawn = side.map(|side| class_pictures::complete(job, precision, side, &mut dataset, occasion)).transpose()?;
    let captions = dataset.train.iter().chain(&dataset.class).chain(&dataset.held_out);
    let captions = captions.map(|photo| photo.caption.as_str());
    let prompts = Prompts::new(captions, &job.base.tokenizer(), recipe.caption_padding);
    let Encoded { latents, held_out } = encode_for(job, recipe, &dataset, framings, occasion)?;
    drop(drawn);
    Ok(Prepared { dataset, prompts: Rc::new(prompts), latents, held_out })
}

/// What costs images or captions is a warning; what is only peculiar about a photo is a note.
fn tell(remark: &Remark, occasion: &mut Occasion<'_>) {
    let sentence = remark.sentence.clone();
    match remark.kind {
        RemarkKind::LeftOut | RemarkKind::CaptionFile | RemarkKind::EmptyCaption | RemarkKind::LongCaption => {
            occasion.warn(sentence);
        }
        _ => occasion.note(sentence),
    }
}

/// Latents of each stage, and of the held-out photos.
#[derive(Default)]
struct Encoded {
    latents: [Option<Rc<LatentCache>>; 2],
    held_out: Option<LatentCache>,
}

/// The latents of each stage that there is, and of the held-out photos; stages with equal framing share them. The VAE computes in
/// f32: it runs once per crop, and the VAEs of some models overflow in half precision.
fn encode_for(
    job: &TrainingJob<'_>,
    recipe: &Recipe,
    dataset: &Dataset,
    stages: [Option<Framing>; 2],
    occasion: &mut Occasion<'_>,
) -> Result<Encoded> {
    let mut framings: Vec<Framing> = Vec::new();
    for framing in stages.into_iter().flatten() {
        if !framings.contains(&framing) {
            framings.push(framing);
        }
    }
    let Some(last) = framings.last().copied() else { return Ok(Encoded::default()) };
    let (photos, held_out) = (dataset.trained_on(), dataset.held_out.iter().collect::<Vec<_>>());
    let vae = job.base.vae(job.device, Kind::Float)?;
    let scaling_factor = recipe.latent_scaling_factor.unwrap_or_else(|| vae.scaling_factor());
    let encoder = LatentEncoder { vae: &vae, device: job.device, scaling_factor };
    let meter = occasion.meter(Stage::Prepare, (framings.len() * photos.len() + held_out.len()) as u64);
    let mut encoded = 0;
    let mut encode = |photos: &[&Photo], framing| {
        LatentCache::encode(photos, framing, &encoder, |_| {
            encoded += 1;
            occasion.step(&meter, encoded, None);
            go_on(occasion)
        })
    };
    let caches: Vec<Rc<LatentCache>> =
        framings.iter().map(|framing| encode(&photos, *framing).map(Rc::new)).collect::<Result<_>>()?;
    let held_out = if held_out.is_empty() { None } else { Some(encode(&held_out, last.centred())?) };
    let of = |stage: Option<Framing>| {
        let found = framings.iter().position(|framing| stage == Some(*framing));
        found.map(|index| Rc::clone(&caches[index]))
    };
    Ok(Encoded { latents: stages.map(of), held_out })
}
