//! The data set as the UNet sees it. The VAE looks at every crop once and its distribution is kept; a step then takes a
//! fresh sample from it, which is cheap.

use engine::no_grad;
use engine::tch::{Device, Tensor};
use model::Vae;

use crate::dataset::{Photo, Role};
use crate::error::{Result, TrainingError};
use crate::framing::{Framing, crops_per_image};
use crate::noise::StepNoise;
use crate::picture;

/// A latent's distribution, times the scaling factor: mean and standard deviation, `[4, h, w]` f32 each.
#[derive(Debug)]
pub struct Distribution {
    /// The mean.
    pub mean: Tensor,
    /// The standard deviation.
    pub std: Tensor,
}

/// One crop of an image, encoded.
#[derive(Debug)]
struct EncodedCrop {
    straight: Distribution,
    /// The distribution of the mirrored crop: not the mirrored distribution, because a VAE is not symmetric.
    mirrored: Option<Distribution>,
}

impl EncodedCrop {
    fn shape(&self) -> Vec<i64> {
        self.straight.mean.size()
    }
}

/// The distributions of all images, on the device: at least one crop per image. A concept's photo has one shape; a class
/// image may have crops of several ones.
#[derive(Debug)]
pub struct LatentCache {
    images: Vec<Vec<EncodedCrop>>,
}

/// What turns pictures into latents.
#[derive(Debug, Clone, Copy)]
pub struct LatentEncoder<'a> {
    /// The VAE; it runs in the precision it was loaded with.
    pub vae: &'a Vae,
    /// Where it lies, and where the latents stay.
    pub device: Device,
    /// What latents are multiplied with: the VAE's own factor, or 0.18215 as in the original.
    pub scaling_factor: f64,
}

impl LatentCache {
    /// A cache of given distributions, one list of crops per image.
    pub fn new(images: Vec<Vec<Distribution>>) -> Self {
        Self::with_mirrored(
            images.into_iter().map(|crops| crops.into_iter().map(|crop| (crop, None)).collect()).collect(),
        )
    }

    /// A cache of given distributions, each with that of the mirrored crop.
    pub fn with_mirrored(images: Vec<Vec<(Distribution, Option<Distribution>)>>) -> Self {
        let crop = |(straight, mirrored)| EncodedCrop { straight, mirrored };
        Self { images: images.into_iter().map(|crops| crops.into_iter().map(crop).collect()).collect() }
    }

    /// Encodes all crops of all photos, one at a time: a larger batch needs more memory and is hardly faster. `done(n)` is
    /// called when `n` photos are encoded, and may end the work.
    ///
    /// # Errors
    /// When a photo cannot be used, or the VAE yields no numbers for it; and `done`'s own.
    pub fn encode(
        photos: &[&Photo],
        framing: Framing,
        encoder: &LatentEncoder<'_>,
        mut done: impl FnMut(usize) -> Result<()>,
    ) -> Result<Self> {
        let instances = photos.iter().filter(|photo| photo.role == Role::Instance).count();
        let crops = crops_per_image(instances, framing.crops);
        let mut images = Vec::with_capacity(photos.len());
        let mut numbers = [0, 0];
        for (photo, frames) in photos.iter().zip(framing.frames(photos)) {
            let picture = picture::decode(photo)?;
            // There are many class images, so one crop of each is variety enough.
            let (crops, number) = match photo.role {
                Role::Instance => (crops, &mut numbers[0]),
                Role::Class => (1, &mut numbers[1]),
            };
            let mut encoded = Vec::new();
            for frame in frames {
                for pixels in framing.cut(&picture, frame, crops, photo.role, *number) {
                    encoded.push(encoder.encode(&pixels, framing.mirrored, photo)?);
                }
            }
            *number += 1;
            images.push(encoded);
            done(images.len())?;
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

    /// The shapes `[4, h, w]` that image `index` has crops of; the first one is its own.
    pub fn shapes(&self, index: usize) -> Vec<Vec<i64>> {
        let mut shapes: Vec<Vec<i64>> = Vec::new();
        for shape in self.images[index].iter().map(EncodedCrop::shape) {
            if !shapes.contains(&shape) {
                shapes.push(shape);
            }
        }
        shapes
    }

    /// The shape of a batch's latents: `[b, 4, h, w]`, where the first image says what `h` and `w` are.
    pub fn shape(&self, batch: &[usize]) -> Vec<i64> {
        let mut shape = vec![batch.len() as i64];
        shape.extend(self.images[batch[0]][0].shape());
        shape
    }

    /// One fresh sample per image of the batch, from the crop that `drawn` chooses among those of the batch's shape, and
    /// mirrored where `drawn` says so and the mirrored one was encoded: `[b, 4, h, w]` f32. Every image must have a crop of
    /// the shape of the first one, as those of [`crate::batches::Batches`] have.
    pub fn sample(&self, batch: &[usize], drawn: &StepNoise) -> Tensor {
        let shape = self.images[batch[0]][0].shape();
        let chosen = |(item, &image): (usize, &usize)| {
            let crops: Vec<&EncodedCrop> = self.images[image].iter().filter(|crop| crop.shape() == shape).collect();
            let choice = (drawn.crop_choices[item] * crops.len() as f64) as usize;
            let crop = crops[choice.min(crops.len() - 1)];
            crop.mirrored.as_ref().filter(|_| drawn.mirrored[item]).unwrap_or(&crop.straight)
        };
        let chosen: Vec<&Distribution> = batch.iter().enumerate().map(chosen).collect();
        let mean = Tensor::stack(&chosen.iter().map(|latent| &latent.mean).collect::<Vec<_>>(), 0);
        let std = Tensor::stack(&chosen.iter().map(|latent| &latent.std).collect::<Vec<_>>(), 0);
        let posterior = drawn.posterior.to_device(mean.device());
        mean + std * posterior
    }
}

impl LatentEncoder<'_> {
    /// Encodes one crop of `photo`, `[1, 3, H, W]`, and where asked for its mirror image.
    fn encode(&self, pixels: &Tensor, mirrored: bool, photo: &Photo) -> Result<EncodedCrop> {
        let pixels = pixels.to_device(self.device);
        let mirrored = mirrored.then(|| self.distribution(&pixels.flip([3]), photo)).transpose()?;
        Ok(EncodedCrop { straight: self.distribution(&pixels, photo)?, mirrored })
    }

    /// The scaled distribution of one picture `[1, 3, H, W]`.
    fn distribution(&self, pixels: &Tensor, photo: &Photo) -> Result<Distribution> {
        let (mean, std, finite) = no_grad(|| {
            let posterior = self.vae.encode(pixels);
            let mean = posterior.mean.squeeze_dim(0) * self.scaling_factor;
            let std = posterior.std().squeeze_dim(0) * self.scaling_factor;
            let finite = (&mean + &std).isfinite().all().int64_value(&[]) != 0;
            (mean, std, finite)
        });
        let reason = || "the base model's VAE turns it into values that are no numbers".into();
        if finite {
            Ok(Distribution { mean, std })
        } else {
            Err(TrainingError::Image { path: photo.name.clone(), reason: reason() })
        }
    }
}
