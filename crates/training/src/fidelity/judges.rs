//! The networks that judge pictures, and what a picture is to them.

use std::path::Path;

use engine::tch::{Device, Kind, Tensor};
use image::RgbImage;
use model::vision::{Clip, ClipFolder, Dino, DinoFolder, Picture};
use protocol::FidelityModels;

use crate::error::{Result, TrainingError};

/// Looks whether `folder` holds a CLIP that can judge: its files are read but for the weights, whose names and shapes are
/// compared.
///
/// # Errors
/// When a file is absent, damaged or of another architecture.
pub fn check_clip(folder: &Path) -> Result<()> {
    ClipFolder::open(folder)?.reads_prompts()?;
    Ok(())
}

/// As [`check_clip`], of a DINO.
///
/// # Errors
/// As [`check_clip`].
pub fn check_dino(folder: &Path) -> Result<()> {
    DinoFolder::open(folder)?;
    Ok(())
}

/// A vector of length 1.
#[derive(Debug)]
pub(super) struct Direction(Vec<f64>);

impl Direction {
    fn of(vector: &Tensor) -> Result<Self> {
        let vector = vector.f_to_device(Device::Cpu)?.f_to_kind(Kind::Double)?;
        let mut numbers = Vec::<f64>::try_from(vector)?;
        let length = numbers.iter().map(|number| number * number).sum::<f64>().sqrt();
        numbers.iter_mut().for_each(|number| *number /= length);
        Ok(Self(numbers))
    }
}

/// The cosine of the angle between two vectors; `None` where one is absent or no number.
pub(super) fn cosine(one: Option<&Direction>, other: Option<&Direction>) -> Option<f64> {
    let (Direction(one), Direction(other)) = (one?, other?);
    Some(one.iter().zip(other).map(|(a, b)| a * b).sum()).filter(|cosine: &f64| cosine.is_finite())
}

/// A picture as the judges see it.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) clip: Option<Direction>,
    pub(super) dino: Option<Direction>,
}

/// The judges that there are.
#[derive(Debug)]
pub(super) struct Judges {
    clip: Option<Clip>,
    reads_prompts: bool,
    dino: Option<Dino>,
}

impl Judges {
    pub(super) fn load(models: &FidelityModels, device: Device) -> Result<Self> {
        let clip = models.clip_dir.as_deref().map(ClipFolder::open).transpose()?;
        let dino = models.dino_dir.as_deref().map(DinoFolder::open).transpose()?;
        Ok(Self {
            reads_prompts: clip.as_ref().map_or(Ok(false), ClipFolder::reads_prompts)?,
            clip: clip.map(|clip| clip.load(device)).transpose()?,
            dino: dino.map(|dino| dino.load(device)).transpose()?,
        })
    }

    pub(super) fn see(&self, picture: RgbImage) -> Result<Seen> {
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let Some(picture) = Picture::new(width, height, picture.into_raw()) else {
            return Err(TrainingError::Image { path: "a picture".into(), reason: "it has no pixels".into() });
        };
        let clip = self.clip.as_ref().map(|clip| Direction::of(&clip.embed_picture(&picture)?)).transpose()?;
        let dino = self.dino.as_ref().map(|dino| Direction::of(&dino.embed_picture(&picture)?)).transpose()?;
        Ok(Seen { clip, dino })
    }

    /// What a prompt is to the judge that can read.
    pub(super) fn read(&self, prompt: &str) -> Result<Option<Direction>> {
        let vector = self.clip.as_ref().filter(|_| self.reads_prompts).and_then(|clip| clip.embed_prompt(prompt));
        vector.map(|vector| Direction::of(&vector)).transpose()
    }
}
