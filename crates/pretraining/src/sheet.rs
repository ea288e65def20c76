//! Pictures of a fixed set of prompts, side by side: how far the model is, at a glance.

use engine::no_grad;
use engine::tch::{Device, Kind, Tensor};
use image::{RgbImage, imageops};
use model::{BaseModel, NoiseSchedule, TextEncoder, Tokenizer, UNet, Vae};
use protocol::Txt2ImgParams;
use serde_json::json;
use txt2img::{Conditioning, Picture, Sitting, Studio, Txt2ImgError};

use crate::error::{PretrainingError, Result};
use crate::recipe::SIDE;

/// What every sheet shows, row after row; the red dress on the moon is among what no picture of training had.
pub const PROMPTS: [&str; 24] = [
    "photo of a woman wearing a red dress on the moon",
    "photo of a woman with violet hair wearing a green dress in the snow",
    "photo of a man wearing a blue shirt on the beach",
    "photo of a woman with long blonde hair wearing a blue dress in a meadow",
    "photo of a girl wearing a yellow dress on a wooden floor",
    "photo of a boy with glasses wearing a green shirt in front of a brick wall",
    "a portrait of a woman with glasses and a green scarf in the snow",
    "a portrait of a man with a beard on the beach",
    "photo of a woman with brown hair in a bun wearing a white dress in the desert",
    "photo of a man wearing an orange shirt and a blue hat at night",
    "photo of a red car on grass",
    "photo of a blue car in the snow",
    "photo of a yellow duck on the moon",
    "photo of a green robot in the desert",
    "photo of a green cup on a wooden floor",
    "photo of a black cat in front of a brick wall",
    "photo of a pink house with a blue roof on the beach",
    "photo of a violet rocket at night",
    "photo of a brown bear in the snow",
    "photo of a pink mushroom in a meadow",
    "photo of a snowman on a chequered floor",
    "photo of a dog in a blue studio",
    "photo of a man and a red car on the beach",
    "photo of a woman wearing a yellow dress and a boy in a meadow",
];
/// Pictures in a row.
const COLUMNS: u32 = 8;
/// The seed of all of them.
const SEED: u64 = 7;
/// Sampling steps of the sheets.
const STEPS: u32 = 20;
/// Guidance of the sheets.
const CFG_SCALE: f64 = 5.0;

/// A model that draws on the device it was loaded to, in f32.
#[derive(Debug)]
pub struct Draughtsman {
    tokenizer: Tokenizer,
    text_encoder: TextEncoder,
    unet: UNet,
    vae: Vae,
    schedule: NoiseSchedule,
    device: Device,
}

impl Draughtsman {
    /// Loads the networks.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn new(base: &BaseModel, device: Device) -> Result<Self> {
        Ok(Self {
            tokenizer: base.tokenizer(),
            text_encoder: base.text_encoder(device, Kind::Float)?,
            unet: base.unet(device, Kind::Float)?,
            vae: base.vae(device, Kind::Float)?,
            schedule: base.schedule(),
            device,
        })
    }

    /// One picture for each seed.
    ///
    /// # Errors
    /// When the model gives no numbers.
    pub fn draw(&self, prompt: &str, seeds: &[u64]) -> Result<Vec<RgbImage>> {
        let params = json!({
            "prompt": prompt, "width": SIDE, "height": SIDE, "steps": STEPS, "cfg_scale": CFG_SCALE,
            "sampler_name": "Euler a",
        });
        let params = Txt2ImgParams::parse_item(params, "the sheet")
            .map_err(|error| PretrainingError::Request(error.to_string()))?;
        let conditioning = Conditioning { negative: self.states(""), positive: self.states(prompt) };
        let Self { unet, vae, schedule, device, .. } = self;
        let studio = Studio { name: "mini", unet, vae, schedule, device: *device, compute: Kind::Float };
        let sitting = Sitting { stop: &|| None, on_step: &mut |_| {} };
        let mut pictures = Vec::new();
        studio.draw::<Txt2ImgError>(&params, &conditioning, seeds, sitting, |picture| {
            pictures.extend(pixels(picture));
            Ok(())
        })?;
        Ok(pictures)
    }

    /// The noise that the UNet sees in `noisy`, `[b, 4, 16, 16]`, at `timesteps`, `[b]`, when it is told `captions`.
    pub(crate) fn predict(&self, noisy: &Tensor, timesteps: &Tensor, captions: &[String]) -> Tensor {
        let states: Vec<Tensor> = captions.iter().map(|caption| self.states(caption)).collect();
        no_grad(|| self.unet.forward(noisy, timesteps, &Tensor::cat(&states, 0)))
    }

    pub(crate) fn schedule(&self) -> &NoiseSchedule {
        &self.schedule
    }

    pub(crate) fn device(&self) -> Device {
        self.device
    }

    /// The text encoder's states, `[1, 77, width]`.
    fn states(&self, text: &str) -> Tensor {
        let ids = Tensor::from_slice(&self.tokenizer.encode_padded(text)).unsqueeze(0).to_device(self.device);
        no_grad(|| self.text_encoder.forward(&ids, Kind::Float))
    }
}

fn pixels(picture: Picture) -> Option<RgbImage> {
    RgbImage::from_raw(picture.width, picture.height, picture.rgb)
}

/// The sheet of the fixed prompts.
///
/// # Errors
/// As [`Draughtsman::draw`].
pub fn sheet(draughtsman: &Draughtsman) -> Result<RgbImage> {
    let mut pictures = Vec::new();
    for prompt in PROMPTS {
        pictures.extend(draughtsman.draw(prompt, &[SEED])?);
    }
    Ok(grid(&pictures, COLUMNS))
}

/// Pictures of one size, row after row.
#[must_use]
pub fn grid(pictures: &[RgbImage], columns: u32) -> RgbImage {
    let rows = (pictures.len() as u32).div_ceil(columns);
    let mut sheet = RgbImage::new(columns * SIDE, rows * SIDE);
    for (index, picture) in pictures.iter().enumerate() {
        let (column, row) = (index as u32 % columns, index as u32 / columns);
        imageops::replace(&mut sheet, picture, i64::from(column * SIDE), i64::from(row * SIDE));
    }
    sheet
}
