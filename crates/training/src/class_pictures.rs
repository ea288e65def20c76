//! What the given images of a class lack in number, the base model draws before the training (Ruiz et al., "DreamBooth", 2023,
//! section 3.3): so the class is kept as the model knew it.

use std::fs;
use std::path::PathBuf;

use engine::tch::{Kind, Tensor};
use engine::{Precision, device_name};
use protocol::{Occasion, Stage};
use tempfile::TempDir;

use crate::class_cache::{CACHE_BYTES_MAX, ClassKey, ClassShelf};
use crate::dataset::{CaptionSource, Dataset, IMAGES_MAX, Photo, Role};
use crate::error::{Result, TrainingError};
use crate::noise::{Stream, Streams};
use crate::painter::{Canvas, Manner, Pictures, Sketch, encode_prompts};
use crate::picture;
use crate::recorder::go_on;
use crate::report::Preview;
use crate::train::TrainingJob;

/// Class pictures that are still to be had, of one concept.
#[derive(Debug)]
struct Lack {
    concept: usize,
    prompt: String,
    count: usize,
}

/// Adds what is lacking to the images of `dataset`'s classes: drawn in squares of `side` pixels, or found where an earlier job
/// left it. They lie in the folder that is returned, until that is dropped.
///
/// # Errors
/// When there would be more than [`IMAGES_MAX`], and when a picture cannot be drawn or kept; [`TrainingError::Stopped`] when
/// the occasion says so.
pub(crate) fn complete(
    job: &TrainingJob<'_>,
    precision: Precision,
    side: u32,
    dataset: &mut Dataset,
    occasion: &mut Occasion<'_>,
) -> Result<Option<TempDir>> {
    let lacks = lacks(job, dataset);
    let missing: usize = lacks.iter().map(|lack| lack.count).sum();
    if missing == 0 {
        return Ok(None);
    }
    let found = missing + dataset.class.len();
    if found > IMAGES_MAX {
        return Err(TrainingError::TooManyClassImages { found, most: IMAGES_MAX });
    }
    let Some(pictures) = job.pictures else {
        occasion.warn(format!("{missing} images of the class are missing, and nobody is there to draw them."));
        return Ok(None);
    };
    let folder = TempDir::new_in(job.scratch_dir).map_err(|source| write_error(job.scratch_dir.into(), source))?;
    let mut atelier = Atelier::open(job, pictures, precision, side, &folder)?;
    for Lack { concept, prompt, count } in lacks {
        let photos = atelier.pictures(&prompt, count, occasion)?;
        dataset.class.extend(photos.into_iter().map(|photo| Photo { concept, ..photo }));
    }
    dataset.class.sort_by_key(|photo| photo.concept);
    Ok(Some(folder))
}

/// How many pictures each concept with a class prompt lacks.
fn lacks(job: &TrainingJob<'_>, dataset: &Dataset) -> Vec<Lack> {
    let settings = job.settings;
    let prompts: Vec<Option<&String>> = match settings.concepts.as_slice() {
        [] => vec![settings.class_prompt.as_ref()],
        concepts => {
            concepts.iter().map(|concept| concept.class_prompt.as_ref().or(settings.class_prompt.as_ref())).collect()
        }
    };
    let lack = |(concept, prompt): (usize, Option<&String>)| {
        let given = dataset.class.iter().filter(|photo| photo.concept == concept).count();
        let count = (settings.num_class_images as usize).saturating_sub(given);
        prompt.map(|prompt| Lack { concept, prompt: prompt.clone(), count })
    };
    prompts.into_iter().enumerate().filter_map(lack).collect()
}

fn write_error(path: PathBuf, source: std::io::Error) -> TrainingError {
    TrainingError::Write { path, source }
}

/// Where pictures are found or drawn.
struct Atelier<'a> {
    job: &'a TrainingJob<'a>,
    pictures: Pictures<'a>,
    precision: Precision,
    manner: Manner,
    /// The base model's, where there is a cache.
    fingerprint: Option<String>,
    folder: &'a TempDir,
    /// How many pictures of each prompt the classes of concepts have so far.
    had: Vec<(String, usize)>,
}

impl<'a> Atelier<'a> {
    fn open(
        job: &'a TrainingJob<'_>,
        pictures: Pictures<'a>,
        precision: Precision,
        side: u32,
        folder: &'a TempDir,
    ) -> Result<Self> {
        let fingerprint = job.class_cache_dir.map(|_| job.base.fingerprint()).transpose()?;
        let (manner, had) = (Manner::usual(side), Vec::new());
        Ok(Self { job, pictures, precision, manner, fingerprint, folder, had })
    }

    /// `count` pictures of `prompt` that no other concept has.
    fn pictures(&mut self, prompt: &str, count: usize, occasion: &mut Occasion<'_>) -> Result<Vec<Photo>> {
        let first = self.reserve(prompt, count);
        let shelf = self.shelf(prompt);
        let mut missing = Vec::new();
        for number in first..first + count {
            if !self.find(shelf.as_ref(), prompt, number)? {
                missing.push(number);
            }
        }
        let found = count - missing.len();
        let kept =
            if found > 0 { format!(" {found} others were drawn for an earlier training.") } else { String::new() };
        let drawn = if missing.len() == 1 { "1 picture".to_owned() } else { format!("{} pictures", missing.len()) };
        occasion.note(format!("The base model draws {drawn} of {prompt:?} for prior preservation.{kept}"));
        if !missing.is_empty() {
            self.draw(prompt, &missing, shelf.as_ref(), occasion)?;
        }
        (first..first + count).map(|number| self.photo(prompt, number)).collect()
    }

    /// The first of `count` numbers that no other concept has.
    fn reserve(&mut self, prompt: &str, count: usize) -> usize {
        match self.had.iter_mut().find(|(other, _)| other == prompt) {
            Some((_, had)) => std::mem::replace(had, *had + count),
            None => {
                self.had.push((prompt.into(), count));
                0
            }
        }
    }

    fn shelf(&self, prompt: &str) -> Option<ClassShelf> {
        let (root, fingerprint) = self.job.class_cache_dir.zip(self.fingerprint.as_ref())?;
        let compute = format!("{} on {}", self.precision, device_name(self.job.device));
        let key = ClassKey::new(fingerprint, prompt, self.manner, self.job.settings.unet_seed, &compute);
        Some(ClassShelf::of(root, &key))
    }

    /// Takes picture `number` from the shelf. One that is damaged does not count.
    fn find(&self, shelf: Option<&ClassShelf>, prompt: &str, number: usize) -> Result<bool> {
        let Some(png) = shelf.and_then(|shelf| shelf.read(number)) else { return Ok(false) };
        self.put(prompt, number, &png)?;
        Ok(self.photo(prompt, number).is_ok())
    }

    /// Draws the pictures of these numbers with the base model, loaded for that alone.
    fn draw(
        &self,
        prompt: &str,
        numbers: &[usize],
        shelf: Option<&ClassShelf>,
        occasion: &mut Occasion<'_>,
    ) -> Result<()> {
        let Self { job, precision, .. } = *self;
        let compute = precision.kind();
        let states = self.encode(prompt, compute)?;
        let unet = job.base.unet(job.device, compute)?;
        let streams = Streams::new(job.settings.unet_seed as u64);
        let sketch = |&number: &usize| Sketch {
            prompt,
            positive: &states[1],
            negative: &states[0],
            seed: streams.below(Stream::ClassSeed, 0, number, 1 << 32) as u64,
        };
        let sketches: Vec<Sketch<'_>> = numbers.iter().map(sketch).collect();
        let canvas = Canvas { base: job.base, unet: &unet, device: job.device, compute };
        let meter = occasion.meter(Stage::Prepare, numbers.len() as u64);
        let (stop, mut uncached) = (occasion.stop, None);
        self.pictures.painter.draw(canvas, self.manner, &sketches, stop, &mut |index, png| {
            self.put(prompt, numbers[index], &png)?;
            if let Some(Err(error)) = shelf.map(|shelf| shelf.keep(numbers[index], &png)) {
                uncached = Some(error);
            }
            occasion.step(&meter, index as u64 + 1, None);
            go_on(occasion)
        })?;
        if let Some(error) = uncached {
            occasion.warn(format!("The pictures of {prompt:?} were not all kept for later trainings: {error}."));
        }
        shelf.inspect(|shelf| shelf.evict_others(CACHE_BYTES_MAX));
        Ok(())
    }

    /// The text encoder's states of the empty prompt and of `prompt`.
    fn encode(&self, prompt: &str, compute: Kind) -> Result<Vec<Tensor>> {
        let encoder = self.job.base.text_encoder(self.job.device, compute)?;
        Ok(encode_prompts(["", prompt], &encoder, self.job.base, self.job.device, compute))
    }

    /// Where picture `number` lies for this training.
    fn path(&self, prompt: &str, number: usize) -> PathBuf {
        let prompt = self.had.iter().position(|(other, _)| other == prompt).unwrap_or(0);
        self.folder.path().join(format!("{prompt}-{number:04}.png"))
    }

    fn put(&self, prompt: &str, number: usize, png: &[u8]) -> Result<()> {
        let path = self.path(prompt, number);
        fs::write(&path, png).map_err(|source| write_error(path, source))
    }

    fn photo(&self, prompt: &str, number: usize) -> Result<Photo> {
        let photo = Photo {
            name: format!("drawn: {prompt} ({number:04})").into(),
            caption: prompt.into(),
            caption_source: CaptionSource::ClassPrompt,
            role: Role::Class,
            ..Photo::at(self.path(prompt, number))
        };
        let picture = picture::decode(&photo)?;
        Ok(Photo { size: picture.dimensions(), preview: Preview::of(&picture), ..photo })
    }
}
