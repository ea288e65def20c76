//! How like the concept, and like the prompt, the sample pictures are: CLIP-I, DINO and CLIP-T of the DreamBooth paper (Ruiz et
//! al., 2023, section 4), before the training and after it. Without the weights of CLIP or DINO there is nothing of it.
//!
//! # Layout
//! - [`Fidelity`], [`measure`]: what the report holds, and how it comes about
//! - [`judges`]: the networks that judge, and whether a folder holds one
//! - `rounds`: which sample pictures are the first and the last ones

pub mod judges;
mod rounds;

use std::path::Path;

use engine::tch::Device;
use protocol::{FidelityModels, Occasion};
use serde::Serialize;

use crate::dataset::Photo;
use crate::error::Result;
use crate::picture;
use crate::recorder::go_on;
use crate::report::{ImageReport, Report};
use judges::{Judges, Seen, cosine};
use rounds::Pair;

/// What the judges say. Each is a cosine, from −1 to 1, and absent where its judge is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Scores {
    /// How like the photos a picture is to CLIP: the mean over photos.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_i: Option<f64>,
    /// How like its prompt a picture is to CLIP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_t: Option<f64>,
    /// How like the photos a picture is to DINO: the mean over photos.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dino: Option<f64>,
}

impl Scores {
    /// The mean of each.
    fn mean(scores: &[Self]) -> Self {
        let of = |number: fn(&Self) -> Option<f64>| mean(scores.iter().filter_map(number));
        Self { clip_i: of(|scores| scores.clip_i), clip_t: of(|scores| scores.clip_t), dino: of(|scores| scores.dino) }
    }
}

/// The pictures of one prompt and seed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PromptFidelity {
    /// What was drawn.
    pub prompt: String,
    /// From which seed.
    pub seed: u64,
    /// The base model's picture; absent where it was not drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Scores>,
    /// The trained model's.
    pub after: Scores,
}

/// How like their concept and their prompts the sample pictures are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fidelity {
    /// The folder of CLIP's weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_model: Option<String>,
    /// The folder of DINO's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dino_model: Option<String>,
    /// How many photos the pictures are compared with: those trained on and those held out.
    pub photos: usize,
    /// The base model's pictures: the mean over prompts. Absent where they were not drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Scores>,
    /// The trained model's.
    pub after: Scores,
    /// How like each other the photos of a concept are: what a perfect model comes near to. Without prompts, no CLIP-T.
    pub among_photos: Scores,
    /// Each prompt by itself.
    pub prompts: Vec<PromptFidelity>,
}

/// Where the pictures lie that are compared.
pub struct Gallery<'a> {
    /// The folder of unpacked photos.
    pub images_dir: &'a Path,
    /// Gives the PNG file of a sample picture by its name.
    pub read_sample: &'a dyn Fn(&str) -> Option<Vec<u8>>,
}

impl std::fmt::Debug for Gallery<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gallery").field("images_dir", &self.images_dir).finish_non_exhaustive()
    }
}

/// Measures the first and the last sample pictures of the training that `report` is of. `None` when there are no judges, or no
/// pictures, or no photo can be read any more.
///
/// # Errors
/// When a judge cannot be read; [`crate::TrainingError::Stopped`] when the occasion says to leave.
pub fn measure(
    report: &Report,
    models: &FidelityModels,
    gallery: &Gallery<'_>,
    device: Device,
    occasion: &Occasion<'_>,
) -> Result<Option<Fidelity>> {
    let pairs = rounds::first_and_last(report, gallery.read_sample);
    if models.is_empty() || pairs.is_empty() {
        return Ok(None);
    }
    let judges = Judges::load(models, device)?;
    let photos = see_photos(&judges, report, gallery, occasion)?;
    if photos.is_empty() {
        return Ok(None);
    }
    let mut prompts = Vec::with_capacity(pairs.len());
    for pair in pairs {
        go_on(occasion)?;
        prompts.push(score(&judges, &photos, &of_prompt(report, &pair.prompt), pair)?);
    }
    let before: Option<Vec<Scores>> = prompts.iter().map(|prompt| prompt.before).collect();
    let after: Vec<Scores> = prompts.iter().map(|prompt| prompt.after).collect();
    Ok(Some(Fidelity {
        clip_model: models.clip_dir.as_deref().map(name_of),
        dino_model: models.dino_dir.as_deref().map(name_of),
        photos: photos.len(),
        before: before.map(|scores| Scores::mean(&scores)),
        after: Scores::mean(&after),
        among_photos: among(&photos),
        prompts,
    }))
}

/// What a folder of weights is called; where it lies is the operator's business.
fn name_of(folder: &Path) -> String {
    folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned()
}

/// A photo as the judges see it, and the concept that it shows.
struct SeenPhoto {
    concept: usize,
    seen: Seen,
}

/// The photos of the concepts. One that cannot be read any more is left out.
fn see_photos(
    judges: &Judges,
    report: &Report,
    gallery: &Gallery<'_>,
    occasion: &Occasion<'_>,
) -> Result<Vec<SeenPhoto>> {
    let mut seen = Vec::new();
    for ImageReport { file, concept, .. } in report.images.iter().chain(&report.held_out) {
        go_on(occasion)?;
        let exif_orientation = report.recipe.exif_orientation;
        let photo = Photo { exif_orientation, ..Photo::at(gallery.images_dir.join(file)) };
        if let Ok(picture) = picture::decode(&photo) {
            seen.push(SeenPhoto { concept: *concept, seen: judges.see(picture)? });
        }
    }
    Ok(seen)
}

/// The concepts that a prompt names; all where it names none.
fn of_prompt(report: &Report, prompt: &str) -> Vec<usize> {
    let concepts = &report.parameters.concepts;
    let named = |&index: &usize| prompt.contains(concepts[index].name.as_str());
    let named: Vec<usize> = (0..concepts.len()).filter(named).collect();
    if named.is_empty() { (0..concepts.len().max(1)).collect() } else { named }
}

fn score(judges: &Judges, photos: &[SeenPhoto], concepts: &[usize], pair: Pair) -> Result<PromptFidelity> {
    let prompt = judges.read(&pair.prompt)?;
    let photos = || photos.iter().filter(|photo| concepts.contains(&photo.concept)).map(|photo| &photo.seen);
    let score = |picture: image::RgbImage| -> Result<Scores> {
        let seen = judges.see(picture)?;
        Ok(Scores {
            clip_i: mean(photos().filter_map(|photo| cosine(photo.clip.as_ref(), seen.clip.as_ref()))),
            clip_t: cosine(prompt.as_ref(), seen.clip.as_ref()),
            dino: mean(photos().filter_map(|photo| cosine(photo.dino.as_ref(), seen.dino.as_ref()))),
        })
    };
    let before = pair.before.map(score).transpose()?;
    Ok(PromptFidelity { before, after: score(pair.after)?, prompt: pair.prompt, seed: pair.seed })
}

/// The mean over all pairs of different photos of one concept.
fn among(photos: &[SeenPhoto]) -> Scores {
    let pairs = || {
        let others = |(index, one)| photos[index + 1..].iter().map(move |other: &SeenPhoto| (one, other));
        photos.iter().enumerate().flat_map(others).filter(|(one, other): &(&SeenPhoto, _)| one.concept == other.concept)
    };
    Scores {
        clip_i: mean(pairs().filter_map(|(one, other)| cosine(one.seen.clip.as_ref(), other.seen.clip.as_ref()))),
        clip_t: None,
        dino: mean(pairs().filter_map(|(one, other)| cosine(one.seen.dino.as_ref(), other.seen.dino.as_ref()))),
    }
}

fn mean(numbers: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = numbers.fold((0.0, 0_u32), |(sum, count), number| (sum + number, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}
