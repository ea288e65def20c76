//! The randomness of a training: one Philox stream per purpose, addressed by step and index.
//!
//! Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011) turns a counter and a key into
//! four random words and has no state. The key is the stage's seed; the counter is (index, purpose, step). So a number depends
//! on nothing but the seed and its address: not on what was drawn before, on how many threads there are, on the device, or
//! on whether the step is reached from the start or from a checkpoint.
//!
//! Like in the original, both stages start from their own seed and see equal numbers when their seeds are equal.

use std::f64::consts::TAU;

use engine::Philox;
use engine::tch::Tensor;

/// Noise that is constant over each channel of an item, added to the usual one (CrossLabs, "Diffusion with offset noise",
/// 2023). It is not normalised again: with the original's strength of 0.1 (spec section 4) the variance is 1.01.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OffsetNoise {
    /// Its deviation; 0 for none.
    pub strength: f64,
}

impl OffsetNoise {
    /// The usual noise alone.
    pub const NONE: Self = Self { strength: 0.0 };
}

/// What a random number is for. The values are part of what a seed means: never renumber them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// The order of the images; the step is the epoch.
    Order = 1,
    /// Where an image is cropped; the step is the image.
    CropPlace = 2,
    /// Which of an image's crops a step takes.
    CropChoice = 3,
    /// The sample from the latents' distribution.
    Posterior = 4,
    /// The noise that the UNet is to find.
    Noise = 5,
    /// The part of the noise that is constant over an image's channel.
    OffsetNoise = 6,
    /// The timesteps.
    Timestep = 7,
    /// Whether a step takes an image mirrored.
    Flip = 8,
    /// The order of the class images; the step is the pass over them.
    ClassOrder = 9,
    /// The noise of validation; the step is the pair of image and timestep. Never used in training.
    ValidationNoise = 20,
    /// The timesteps of validation.
    ValidationTimestep = 21,
    /// The seeds of class pictures that the base model draws.
    ClassSeed = 22,
    /// The seeds of sample pictures.
    SampleSeed = 23,
    /// Which pictures of a pretraining's step are shown without a caption.
    EmptyCaption = 30,
    /// How a pretraining's step words a caption.
    Wording = 31,
}

/// All streams of one seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streams {
    seed: u64,
}

impl Streams {
    /// The streams of `seed`.
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The four words at an address.
    fn words(self, stream: Stream, step: u64, index: u32) -> [u32; 4] {
        Philox::block(self.seed, [index, stream as u32, step as u32, (step >> 32) as u32])
    }

    /// A whole number from `0..bound`, all equally likely to within 2^-32. `bound` must not be 0.
    pub fn below(self, stream: Stream, step: u64, index: usize, bound: usize) -> usize {
        let [low, high, ..] = self.words(stream, step, index as u32);
        let word = u128::from(low) | u128::from(high) << 32;
        ((word * bound as u128) >> 64) as usize
    }

    /// A number in [0, 1) in steps of 2^-32.
    pub fn uniform(self, stream: Stream, step: u64, index: usize) -> f64 {
        f64::from(self.words(stream, step, index as u32)[0]) / 4_294_967_296.0
    }

    /// Independent normal numbers of `shape`, f32 on the CPU: Box and Muller's transform, four numbers per counter.
    pub fn normal(self, stream: Stream, step: u64, shape: &[i64]) -> Tensor {
        let count = shape.iter().product::<i64>().max(0) as usize;
        let mut numbers = Vec::with_capacity(count + 3);
        for block in 0..count.div_ceil(4) {
            let [a, b, c, d] = self.words(stream, step, block as u32);
            numbers.extend(box_muller(a, b));
            numbers.extend(box_muller(c, d));
        }
        Tensor::from_slice(&numbers[..count]).reshape(shape)
    }
}

/// Two normal numbers from two random words.
fn box_muller(a: u32, b: u32) -> [f32; 2] {
    // Half a unit more, so that the logarithm never sees 0.
    let unit = |word: u32| (f64::from(word) + 0.5) / 4_294_967_296.0;
    let radius = (-2.0 * unit(a).ln()).sqrt();
    let (sin, cos) = (TAU * unit(b)).sin_cos();
    [(radius * cos) as f32, (radius * sin) as f32]
}

/// What one step draws for a batch of `b` latents of shape `[b, 4, h, w]`.
#[derive(Debug)]
pub struct StepNoise {
    /// Standard normal, `[b, 4, h, w]` f32: picks the sample from each latent's distribution.
    pub posterior: Tensor,
    /// `[b, 4, h, w]` f32: what the latents are noised with, offset included.
    pub noise: Tensor,
    /// `[b]` i64, each uniform over the schedule's timesteps (0..1000).
    pub timesteps: Tensor,
    /// One number per item, uniform in [0, 1): chooses among the item's crops.
    pub crop_choices: Vec<f64>,
    /// Whether each item is taken mirrored, where its image was also encoded so.
    pub mirrored: Vec<bool>,
}

/// Where the stage loop gets its randomness from.
pub trait NoiseSource: std::fmt::Debug {
    /// The draw of `step` (from 0) for latents of `shape`, `[b, 4, h, w]`.
    fn draw(&self, step: u64, shape: &[i64]) -> StepNoise;
}

/// The noise of a seed.
#[derive(Debug, Clone, Copy)]
pub struct SeededNoise {
    streams: Streams,
    timesteps: usize,
    offset_noise: OffsetNoise,
}

impl SeededNoise {
    /// The noise of `streams` for a schedule of `timesteps`.
    pub fn new(streams: Streams, timesteps: usize, offset_noise: OffsetNoise) -> Self {
        Self { streams, timesteps, offset_noise }
    }
}

impl NoiseSource for SeededNoise {
    fn draw(&self, step: u64, shape: &[i64]) -> StepNoise {
        let items = 0..shape[0] as usize;
        let mut noise = self.streams.normal(Stream::Noise, step, shape);
        if self.offset_noise != OffsetNoise::NONE {
            let offset = self.streams.normal(Stream::OffsetNoise, step, &[shape[0], shape[1], 1, 1]);
            noise += offset * self.offset_noise.strength;
        }
        let timesteps: Vec<i64> =
            items.clone().map(|item| self.streams.below(Stream::Timestep, step, item, self.timesteps) as i64).collect();
        StepNoise {
            posterior: self.streams.normal(Stream::Posterior, step, shape),
            noise,
            timesteps: Tensor::from_slice(&timesteps),
            crop_choices: items.clone().map(|item| self.streams.uniform(Stream::CropChoice, step, item)).collect(),
            mirrored: items.map(|item| self.streams.below(Stream::Flip, step, item, 2) == 1).collect(),
        }
    }
}
