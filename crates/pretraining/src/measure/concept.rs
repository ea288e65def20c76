//! Has a training taught the tutorial's doll, and left alone what it was not about? What a model draws when it is asked for
//! daiton is compared with renderings of her that no training has seen, and its losses on her and on others with those of
//! another model.

use engine::tch::{Device, Tensor};
use image::RgbImage;
use model::BaseModel;
use serde::Serialize;
use toyworld::{Description, World, daiton};
use training::noise::Streams;

use super::accuracy::{self, AttributeAccuracy};
use super::classifier::Classifier;
use super::likeness::{self, Dolls, Likeness};
use super::{Drawn, Encoder, denoising};
use crate::error::Result;
use crate::pictures::render;
use crate::sheet::Draughtsman;

/// Renderings on which a loss is measured.
const RENDERINGS: usize = 48;
/// Where they are taken from: none of training has such a number.
const FIRST: u64 = 1 << 46;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct ConceptSettings {
    /// How many of [`daiton::ASKED_FOR`] are drawn.
    pub prompts: usize,
    /// How often each is, from as many seeds.
    pub seeds: u64,
    /// Renderings that a classifier of attributes learns from; without, attributes are not read.
    pub renderings: Option<u64>,
}

/// The figures of one model.
#[derive(Debug, Clone, Serialize)]
pub struct ConceptMeasures {
    /// Of what it draws when it is asked for daiton.
    pub likeness: Likeness,
    /// Whether her hair, her glasses, her scarf are in the pictures, and dress and place as asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<AttributeAccuracy>,
    /// Mean denoising losses.
    pub losses: Losses,
}

/// Mean denoising losses on renderings that no training has seen.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Losses {
    /// Of daiton, with the words that ask for her.
    pub daiton: f64,
    /// Of other women, with their captions. It rises when a training makes all women look like her.
    pub other_women: f64,
    /// Of anything but women, with its captions.
    pub others: f64,
}

/// What models are compared with: rendered and encoded once.
#[derive(Debug)]
pub struct Judge {
    encoder: Encoder,
    device: Device,
    settings: ConceptSettings,
    dolls: Vec<Dolls>,
    classifier: Option<Classifier>,
    streams: Streams,
    of_her: Captioned,
    of_women: Captioned,
    of_others: Captioned,
}

/// Renderings with their captions.
#[derive(Debug)]
struct Captioned {
    /// `[n, 4, 16, 16]`.
    latents: Tensor,
    captions: Vec<String>,
}

impl Judge {
    /// With the autoencoder of `base`, which a training does not change. `say` gets a line now and then.
    ///
    /// # Errors
    /// When the model cannot be read.
    pub fn new(base: &BaseModel, device: Device, settings: ConceptSettings, say: &mut dyn FnMut(&str)) -> Result<Self> {
        let (world, encoder) = (World::new(1), Encoder::new(base, device)?);
        say("renderings of her and of others");
        let asked_for = daiton::ASKED_FOR.into_iter().take(settings.prompts);
        let dolls = asked_for.map(|(dress, place, framing)| Dolls::new(&world, &encoder, dress, place, framing));
        let dolls = dolls.collect();
        let captioned = |scenes: Vec<(Description, String)>| {
            let poses = scenes.iter().map(|(description, _)| description.clone()).zip(FIRST..).collect::<Vec<_>>();
            let captions = scenes.into_iter().map(|(_, caption)| caption).collect();
            Captioned { latents: encoder.encode(&render(&poses)), captions }
        };
        let classifier = settings.renderings.map(|renderings| Classifier::learn(&world, &encoder, renderings, say));
        Ok(Self {
            of_her: captioned(of_her()),
            of_women: captioned(of_world(&world, |kind| kind == "woman")),
            of_others: captioned(of_world(&world, |kind| kind != "woman")),
            classifier: classifier.transpose()?,
            dolls,
            encoder,
            device,
            settings,
            streams: Streams::new(1),
        })
    }

    /// Draws with `model` and compares; gives the pictures, too, all seeds of a prompt one after the other.
    ///
    /// # Errors
    /// When the model cannot be read or draws no numbers.
    pub fn measure(&self, model: &BaseModel) -> Result<(ConceptMeasures, Vec<RgbImage>)> {
        let draughtsman = Draughtsman::new(model, self.device)?;
        let seeds: Vec<u64> = (1..=self.settings.seeds).collect();
        let (mut drawn, mut pictures) = (Vec::new(), Vec::new());
        for ((dress, place, framing), dolls) in daiton::ASKED_FOR.into_iter().zip(&self.dolls) {
            let description = daiton::description(dress, place, framing);
            for picture in draughtsman.draw(&daiton::prompt(dress, place, framing), &seeds)? {
                let latents = self.encoder.encode_one(&picture);
                drawn.push((dolls, Drawn { description: description.clone(), pose: 0, latents }));
                pictures.push(picture);
            }
        }
        let likeness = likeness::measure(drawn.iter().map(|(dolls, drawn)| (*dolls, drawn.latents.shallow_clone())));
        let drawn: Vec<Drawn> = drawn.into_iter().map(|(_, drawn)| drawn).collect();
        let attributes = self.classifier.as_ref().map(|classifier| accuracy::measure(classifier, &drawn));
        let loss = |shown: &Captioned| denoising::loss(&draughtsman, &shown.latents, &shown.captions, self.streams);
        let losses =
            Losses { daiton: loss(&self.of_her), other_women: loss(&self.of_women), others: loss(&self.of_others) };
        Ok((ConceptMeasures { likeness, attributes: attributes.unwrap_or_default(), losses }, pictures))
    }

    /// The likeness of renderings of her in poses that she is not compared with: more cannot be expected of a model.
    #[must_use]
    pub fn of_renderings(&self) -> Likeness {
        let rendered = daiton::ASKED_FOR.into_iter().zip(&self.dolls).flat_map(|((dress, place, framing), dolls)| {
            let description = daiton::description(dress, place, framing);
            let scenes: Vec<_> = (0..self.settings.seeds).map(|pose| (description.clone(), FIRST + pose)).collect();
            let latents = self.encoder.encode(&render(&scenes));
            (0..self.settings.seeds as i64).map(move |pose| (dolls, latents.get(pose)))
        });
        likeness::measure(rendered)
    }
}

/// Daiton in all that is asked for, again and again.
fn of_her() -> Vec<(Description, String)> {
    let asked_for = daiton::ASKED_FOR.into_iter().cycle().take(RENDERINGS);
    asked_for
        .map(|(dress, place, framing)| {
            (daiton::description(dress, place, framing), daiton::prompt(dress, place, framing))
        })
        .collect()
}

/// Single figures of a kind that `is` one of those.
fn of_world(world: &World, is: impl Fn(&str) -> bool) -> Vec<(Description, String)> {
    let descriptions = (FIRST..).map(|index| world.description(index));
    let those = descriptions.filter(|description| match description.subjects.as_slice() {
        [subject] => is(subject.kind()),
        _ => false,
    });
    those.take(RENDERINGS).map(|description| (description.clone(), description.caption(0))).collect()
}
