//! How good a model is, by numbers: what the world knows to be true is compared with what the model drew.

pub mod accuracy;
pub mod classifier;
pub mod concept;
mod denoising;
pub mod likeness;
pub mod retrieval;

use engine::tch::{Device, Kind, Tensor};
use image::RgbImage;
use model::{BaseModel, Vae};
use serde::Serialize;
use toyworld::{Description, World};

use crate::error::Result;
use crate::pictures::{encode, stack};
use crate::sheet::Draughtsman;
use accuracy::AttributeAccuracy;
use classifier::Classifier;
use retrieval::Retrieval;

/// Where unseen pictures are taken from: none of training has such a number.
const UNSEEN: u64 = 1 << 41;

/// What is measured, and how much of it.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Captions that are drawn; every other one is of a combination that training never shows.
    pub captions: u64,
    /// Renderings that the classifier learns from.
    pub renderings: u64,
    /// Of all of it.
    pub seed: u64,
}

/// Everything that was drawn, to look at.
#[derive(Debug, Default)]
pub struct Gallery {
    /// In the order of the captions.
    pub pictures: Vec<RgbImage>,
    /// What was asked for.
    pub captions: Vec<String>,
}

/// The figures.
#[derive(Debug, Serialize)]
pub struct Measures {
    /// Of captions of the world that training could have shown but did not.
    pub unseen: Figures,
    /// Of combinations that are held out.
    pub held_out: Figures,
}

/// Of some of the captions.
#[derive(Debug, Serialize)]
pub struct Figures {
    /// How often the right rendering was the nearest.
    pub retrieval: Retrieval,
    /// How often an attribute was as asked for.
    pub attributes: Vec<AttributeAccuracy>,
}

/// A caption and what the model drew for it.
#[derive(Debug)]
struct Drawn {
    description: Description,
    pose: u64,
    /// `[4, 16, 16]` f32.
    latents: Tensor,
}

/// Encodes pictures as latents.
#[derive(Debug)]
pub(crate) struct Encoder {
    vae: Vae,
    device: Device,
}

impl Encoder {
    pub(crate) fn new(base: &BaseModel, device: Device) -> Result<Self> {
        Ok(Self { vae: base.vae(device, Kind::Float)?, device })
    }

    /// `[n, 3, 128, 128]` u8 to `[n, 4, 16, 16]` f32.
    pub(crate) fn encode(&self, pictures: &Tensor) -> Tensor {
        encode(&self.vae, pictures, self.device)
    }

    fn encode_one(&self, picture: &RgbImage) -> Tensor {
        self.encode(&stack(std::slice::from_ref(picture))).squeeze_dim(0)
    }
}

/// Draws captions with `base` and compares what it drew with the world. `say` gets a line now and then.
///
/// # Errors
/// When the model cannot be read or draws no numbers.
pub fn measure(
    base: &BaseModel,
    device: Device,
    settings: Settings,
    say: &mut dyn FnMut(&str),
) -> Result<(Measures, Gallery)> {
    let world = World::new(settings.seed);
    let (encoder, draughtsman) = (Encoder::new(base, device)?, Draughtsman::new(base, device)?);
    say("the classifier learns from renderings");
    let classifier = Classifier::learn(&world, &encoder, settings.renderings, say)?;
    let mut drawn: [Vec<Drawn>; 2] = Default::default();
    let mut gallery = Gallery::default();
    for index in 0..settings.captions {
        let held_out = (index % 2) as usize;
        let pose = UNSEEN + index / 2;
        let description = if held_out == 1 { world.held_out(pose) } else { world.description(pose) };
        let caption = description.caption(0);
        for picture in draughtsman.draw(&caption, &[settings.seed + index])? {
            let latents = encoder.encode_one(&picture);
            drawn[held_out].push(Drawn { description: description.clone(), pose, latents });
            gallery.pictures.push(picture);
            gallery.captions.push(caption.clone());
        }
        if (index + 1) % 20 == 0 {
            say(&format!("{} of {} captions are drawn", index + 1, settings.captions));
        }
    }
    let figures = |drawn: &[Drawn]| Figures {
        retrieval: retrieval::measure(&world, &encoder, drawn),
        attributes: accuracy::measure(&classifier, drawn),
    };
    Ok((Measures { unseen: figures(&drawn[0]), held_out: figures(&drawn[1]) }, gallery))
}
