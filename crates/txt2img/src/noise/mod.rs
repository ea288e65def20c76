//! Every image's own streams of noise, which depend on its seed and on nothing else.

mod brownian;
mod seed_sequence;

use engine::tch::{Device, Kind, Tensor};
use engine::{Generator, Mt19937, Philox};
use protocol::NoiseSource;

pub use brownian::BrownianPath;
pub use seed_sequence::SeedSequence;

use crate::sampler::StepNoise;

/// A fresh generator of this source.
fn generator(source: NoiseSource, seed: u64) -> Box<dyn Generator> {
    match source {
        NoiseSource::Nv => Box::new(Philox::new(seed)),
        NoiseSource::Cpu => Box::new(Mt19937::new(seed)),
    }
}

/// Settings of the web UI that change noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoiseOptions {
    /// Where normal numbers come from (`randn_source`).
    pub source: NoiseSource,
    /// Added to the seed of all noise but the first tensor and Brownian paths; 0 goes on in the same stream
    /// (`eta_noise_seed_delta`, ENSD).
    pub seed_delta: i64,
}

impl Default for NoiseOptions {
    fn default() -> Self {
        Self { source: NoiseSource::Nv, seed_delta: 0 }
    }
}

/// The noise of the images of a batch.
pub struct ImageNoise {
    streams: Vec<Box<dyn Generator>>,
    paths: Vec<BrownianPath>,
    /// `[4, height/8, width/8]`.
    shape: [i64; 3],
    device: Device,
}

impl std::fmt::Debug for ImageNoise {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImageNoise")
            .field("images", &self.streams.len())
            .field("shape", &self.shape)
            .finish_non_exhaustive()
    }
}

impl ImageNoise {
    /// The first tensor of each seed's stream, `[batch, 4, height/8, width/8]` of N(0, 1), and the noise of its walk.
    /// `shape` is that of one image's latents; `interval` holds the lowest positive and the highest sigma of the whole
    /// trajectory.
    pub fn begin(
        seeds: &[u64],
        shape: [i64; 3],
        device: Device,
        options: NoiseOptions,
        interval: [f64; 2],
    ) -> (Tensor, Self) {
        let streams = |delta: i64| -> Vec<Box<dyn Generator>> {
            seeds.iter().map(|seed| generator(options.source, seed.wrapping_add_signed(delta))).collect()
        };
        let path = |seed: &u64| BrownianPath::new(options.source, *seed, shape, interval);
        let mut noise = Self { streams: streams(0), paths: seeds.iter().map(path).collect(), shape, device };
        let first = noise.next();
        if options.seed_delta != 0 {
            noise.streams = streams(options.seed_delta);
        }
        (first, noise)
    }

    fn batch(&self, images: &[Tensor]) -> Tensor {
        Tensor::stack(images, 0).to_kind(Kind::Float).to_device(self.device)
    }
}

impl StepNoise for ImageNoise {
    fn next(&mut self) -> Tensor {
        let images: Vec<Tensor> = self.streams.iter_mut().map(|stream| stream.normal(&self.shape)).collect();
        self.batch(&images)
    }

    fn skip(&mut self) {
        self.streams.iter_mut().for_each(|stream| stream.skip(&self.shape));
    }

    fn between(&mut self, sigma: f64, next: f64) -> Tensor {
        let images: Vec<Tensor> = self.paths.iter_mut().map(|path| path.between(sigma, next)).collect();
        self.batch(&images)
    }
}
