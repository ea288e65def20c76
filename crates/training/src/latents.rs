//! The data set as the UNet sees it. The VAE looks at every crop once and its distribution is kept; a step then takes a
//! fresh sample from it, which is cheap.

use engine::no_grad;
use engine::tch::{Device, Tensor};
use model::Vae;

use crate::dataset::Photo;
use crate::error::{Result, TrainingError};
use crate::noise::{StepNoise, Streams};
use crate::picture;

/// A latent's distribution, times the VAE's scaling factor: mean and standard deviation, `[4, h, w]` f32 each.
#[derive(Debug)]
pub struct Distribution {
    /// The mean.
    pub mean: Tensor,
    /// The standard deviation.
    pub std: Tensor,
}

/// The distributions of all images: one per crop, at least one per image, all of one shape.
#[derive(Debug)]
pub struct LatentCache {
    images: Vec<Vec<Distribution>>,
}

/// How the photos of a stage are cut and encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Framing {
    /// Side of the squares in pixels, a multiple of 8.
    pub resolution: u32,
    /// Where the crops' places come from.
    pub streams: Streams,
}

impl LatentCache {
    /// A cache of given distributions.
    pub fn new(images: Vec<Vec<Distribution>>) -> Self {
        Self { images }
    }

    /// Encodes all crops of all photos; `done(n)` is called when `n` photos are encoded, and may end the work. The VAE runs in the precision it
    /// was loaded with, one crop at a time.
    ///
    /// # Errors
    /// When a photo cannot be used, or the VAE yields no numbers for it; and `done`'s own.
    pub fn encode(
        photos: &[Photo],
        framing: Framing,
        vae: &Vae,
        device: Device,
        mut done: impl FnMut(usize) -> Result<()>,
    ) -> Result<Self> {
        let crops = picture::crops_per_image(photos.len());
        let mut images = Vec::with_capacity(photos.len());
        for (index, photo) in photos.iter().enumerate() {
            let scaled = picture::scale(&picture::decode(photo)?, framing.resolution);
            let corners = picture::crop_corners(&scaled, framing.resolution, crops, framing.streams, index);
            let encode = |corner| {
                let pixels = picture::crop(&scaled, corner, framing.resolution).to_device(device);
                distribution(vae, &pixels).ok_or_else(|| TrainingError::Image {
                    path: photo.name.clone(),
                    reason: "the base model's VAE turns it into values that are no numbers".into(),
                })
            };
            images.push(corners.into_iter().map(encode).collect::<Result<_>>()?);
            done(index + 1)?;
        }
        Ok(Self { images })
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.images.len()
    }

    /// True when there is no image.
    pub fn is_empty(&self) -> bool {
        self.images.is_empty()
    }

    /// How many crops image `index` has.
    pub fn crops(&self, index: usize) -> usize {
        self.images[index].len()
    }

    /// The shape of a batch of `items` latents: `[items, 4, h, w]`.
    pub fn shape(&self, items: usize) -> Vec<i64> {
        let mut shape = vec![items as i64];
        shape.extend(self.images[0][0].mean.size());
        shape
    }

    /// One fresh sample per image of the batch, from the crop that `drawn` chooses: `[b, 4, h, w]` f32.
    pub fn sample(&self, batch: &[usize], drawn: &StepNoise) -> Tensor {
        let chosen = |(&image, &choice): (&usize, &f64)| {
            let crops = &self.images[image];
            &crops[((choice * crops.len() as f64) as usize).min(crops.len() - 1)]
        };
        let chosen: Vec<&Distribution> = batch.iter().zip(&drawn.crop_choices).map(chosen).collect();
        let mean = Tensor::stack(&chosen.iter().map(|latent| &latent.mean).collect::<Vec<_>>(), 0);
        let std = Tensor::stack(&chosen.iter().map(|latent| &latent.std).collect::<Vec<_>>(), 0);
        let posterior = drawn.posterior.to_device(mean.device());
        mean + std * posterior
    }
}

/// The scaled distribution of one picture `[1, 3, H, W]`, or nothing when it is not finite.
fn distribution(vae: &Vae, pixels: &Tensor) -> Option<Distribution> {
    no_grad(|| {
        let posterior = vae.encode(pixels);
        let mean = posterior.mean.squeeze_dim(0) * vae.scaling_factor();
        let std = posterior.std().squeeze_dim(0) * vae.scaling_factor();
        let finite = (&mean + &std).isfinite().all().int64_value(&[]) != 0;
        finite.then_some(Distribution { mean, std })
    })
}
