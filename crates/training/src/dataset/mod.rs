//! The images of a data set, found in the folders their zips were unpacked to, each with its caption.
//!
//! # Layout
//! - [`Dataset`]: what is trained on, what is held out, what is left out and why
//! - `gather`: from folders to photos with captions
//! - `files`: which files are images
//! - [`look`]: what a decoded photo looks like: blurred, or the same as another one
//! - `remark`: what the owner is told, in one sentence each

mod files;
mod gather;
pub mod look;
mod remark;

use std::path::{Path, PathBuf};

use names::names;
use protocol::{TextTraining, TrainSettings};
use serde::Serialize;

pub use files::find_images;
pub use remark::{Remark, RemarkKind};

use crate::error::{Result, TrainingError};
use crate::framing;
use crate::picture;
use crate::report::Preview;
use gather::Candidates;
use look::Look;

/// Most images of one training. Twice the largest sets that users report (400 to 500 images); a zip with more is a
/// mistaken folder, and caching its latents would fill the memory. As many may be images of classes.
pub const IMAGES_MAX: usize = 1000;

names! {
    /// What a photo is trained for.
    pub enum Role: "role" {
        /// It shows a concept.
        Instance = "instance",
        /// It shows what the concept is one of, for prior preservation.
        Class = "class",
    }
}

names! {
    /// Where a caption comes from.
    pub enum CaptionSource: "source of captions" {
        /// The request's `concept_name`.
        ConceptName = "concept_name",
        /// A text file beside the image.
        CaptionFile = "caption_file",
        /// The image's file name.
        FileName = "file_name",
        /// The request's `class_prompt`.
        ClassPrompt = "class_prompt",
    }
}

/// One image of the data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Photo {
    /// Where it lies.
    pub path: PathBuf,
    /// Its path below the data set's folder: what messages and the report call it.
    pub name: PathBuf,
    /// The prompt it is trained with; may be empty.
    pub caption: String,
    /// Where that comes from.
    pub caption_source: CaptionSource,
    /// Which concept of the request it belongs to, from 0.
    pub concept: usize,
    /// What it is trained for.
    pub role: Role,
    /// Whether it is turned upright as its EXIF orientation says.
    pub exif_orientation: bool,
    /// Width and height in pixels, as it is trained; 0 before it was decoded.
    pub size: (u32, u32),
    /// What it looks like, for the report; empty before it was decoded.
    pub preview: Preview,
}

impl Photo {
    /// The photo at `path`, called by its file name, with the caption that stands for.
    pub fn at(path: PathBuf) -> Self {
        Self {
            name: path.file_name().map_or_else(|| path.clone(), PathBuf::from),
            caption: crate::caption::from_file_name(&path),
            caption_source: CaptionSource::FileName,
            concept: 0,
            role: Role::Instance,
            exif_orientation: true,
            size: (0, 0),
            preview: Preview::default(),
            path,
        }
    }
}

/// How images are chosen, read and captioned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataRules {
    /// Whether a text file beside an image is its caption.
    pub caption_files: bool,
    /// Whether a concept's name is a caption as it is, not as the original changed it.
    pub verbatim_concept_name: bool,
    /// Whether photos are turned upright as their EXIF orientation says.
    pub exif_orientation: bool,
    /// How many photos are not trained on but tell how far the concept is learnt.
    pub held_out_images: usize,
}

/// Where the images lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Folders<'a> {
    /// The images of the concepts.
    pub images: &'a Path,
    /// The images of their classes, if there are any.
    pub class_images: Option<&'a Path>,
}

/// A picture that is not trained on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Its path below the folder of its role.
    pub name: String,
    /// What it would have been trained for.
    pub role: Role,
    /// Why it is left out.
    pub reason: String,
}

/// Everything that a training is done on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// What is trained on, by concept and path: the order that the seed counts on.
    pub train: Vec<Photo>,
    /// Photos that only tell how far the concept is learnt.
    pub held_out: Vec<Photo>,
    /// Images of the classes, by concept and path.
    pub class: Vec<Photo>,
    /// What cannot be used.
    pub left_out: Vec<LeftOut>,
    /// What the owner should know.
    pub remarks: Vec<Remark>,
}

impl Dataset {
    /// Finds the images, decodes each of them once to see whether it can be used, and gives them captions. `done(n, of)`
    /// is called when `n` of all are decoded, and may end the work.
    ///
    /// A caption is what a text file beside the image says, else the concept's name, else what the file name stands for;
    /// of a class image, first of all the class prompt.
    ///
    /// # Errors
    /// When a concept has no image that can be used, when there are more than [`IMAGES_MAX`], when all are held out, or
    /// when a file cannot be read from the disk; and `done`'s own.
    pub fn gather(
        folders: Folders<'_>,
        settings: &TrainSettings,
        rules: &DataRules,
        mut done: impl FnMut(usize, usize) -> Result<()>,
    ) -> Result<Self> {
        let candidates = Candidates::find(folders, settings, rules)?;
        let of = candidates.instances.len() + candidates.class.len();
        let Candidates { instances, class, mut left_out, mut remarks } = candidates;

        let found = instances.clone();
        let instances = usable(instances, &mut left_out, |count| done(count, of))?;
        refuse_none_left(&found, &instances, &left_out)?;
        let class: Vec<Photo> = usable(class, &mut left_out, |count| done(found.len() + count, of))?
            .into_iter()
            .map(|(photo, _)| photo)
            .collect();

        remarks.extend(remark::left_out(&left_out, Role::Instance, instances.len()));
        remarks.extend(remark::left_out(&left_out, Role::Class, class.len()));
        remarks.extend(remark::looks(&instances, resolution(settings)));
        let (train, held_out) = hold_out(instances, rules.held_out_images)?;
        if let Some(asked) = settings.crops_per_image {
            let kept = framing::crops_per_image(train.len(), asked as usize);
            if kept < asked as usize {
                remarks.push(remark::fewer_crops(asked, kept, train.len()));
            }
        }
        let mut dataset = Self { train, held_out, class, left_out, remarks };
        dataset.remarks.extend(remark::captions(&dataset.trained_on()));
        Ok(dataset)
    }

    /// What is trained on, in the order that batches, latents and prompts count in: the concepts' photos, then the images
    /// of the classes.
    #[must_use]
    pub fn trained_on(&self) -> Vec<&Photo> {
        self.train.iter().chain(&self.class).collect()
    }
}

/// The largest resolution of a stage that there is.
fn resolution(settings: &TrainSettings) -> u32 {
    let has_text_stage = settings.text_steps > 0 && settings.text_training != Some(TextTraining::JointKeep);
    let text = if has_text_stage { settings.text_resolution } else { 0 };
    let unet = if settings.unet_epochs > 0 { settings.unet_resolution } else { 0 };
    text.max(unet)
}

/// Those of `photos` that can be decoded, with their sizes; the others are added to `left_out`.
fn usable(
    photos: Vec<Photo>,
    left_out: &mut Vec<LeftOut>,
    mut done: impl FnMut(usize) -> Result<()>,
) -> Result<Vec<(Photo, Look)>> {
    let mut usable = Vec::with_capacity(photos.len());
    for (index, photo) in photos.into_iter().enumerate() {
        match picture::decode(&photo) {
            Ok(picture) => {
                let look = Look::of(&picture);
                usable.push((Photo { size: look.size, preview: Preview::of(&picture), ..photo }, look));
            }
            Err(TrainingError::Image { path, reason }) => {
                left_out.push(LeftOut { name: path.display().to_string(), role: photo.role, reason });
            }
            // A disk that fails says nothing about the photo.
            Err(error) => return Err(error),
        }
        done(index + 1)?;
    }
    Ok(usable)
}

/// Refuses a data set of which a concept has lost all its images.
fn refuse_none_left(found: &[Photo], usable: &[(Photo, Look)], left_out: &[LeftOut]) -> Result<()> {
    let lost = |photo: &&Photo| !usable.iter().any(|(other, _)| other.concept == photo.concept);
    let Some(first) = found.iter().find(lost) else { return Ok(()) };
    let is_first = |file: &&LeftOut| file.role == Role::Instance && first.name.display().to_string() == file.name;
    let reason = left_out.iter().find(is_first).map_or_else(String::new, |file| file.reason.clone());
    match found.iter().filter(|photo| photo.concept == first.concept).count() {
        1 => Err(TrainingError::Image { path: first.name.clone(), reason }),
        images => Err(TrainingError::NoUsableImages { images, path: first.name.clone(), reason }),
    }
}

/// Takes the last `count` photos away, of each concept in turn, so that several concepts lose alike.
fn hold_out(photos: Vec<(Photo, Look)>, count: usize) -> Result<(Vec<Photo>, Vec<Photo>)> {
    let photos: Vec<Photo> = photos.into_iter().map(|(photo, _)| photo).collect();
    let mut concepts: Vec<Vec<Photo>> = Vec::new();
    for photo in photos.iter().cloned() {
        match concepts.last_mut() {
            Some(concept) if concept[0].concept == photo.concept => concept.push(photo),
            _ => concepts.push(vec![photo]),
        }
    }
    if count > photos.len() - concepts.len() {
        let most = photos.len() - concepts.len();
        return Err(TrainingError::HeldOut { held_out: count, usable: photos.len(), most });
    }
    let mut held_out = Vec::new();
    while held_out.len() < count {
        for concept in &mut concepts {
            // At least one photo of each concept is trained on.
            if held_out.len() < count && concept.len() > 1 {
                held_out.extend(concept.pop());
            }
        }
    }
    held_out.sort_by(|a, b| (a.concept, &a.path).cmp(&(b.concept, &b.path)));
    Ok((concepts.into_iter().flatten().collect(), held_out))
}
