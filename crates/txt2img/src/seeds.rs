//! Which seed each image has, and its own stream of noise.

use engine::tch::Tensor;
use engine::{Generator, Philox};

use crate::sampler::StepNoise;

/// Highest seed the web UI draws by itself.
pub const RANDOM_SEED_MAX: u64 = 4_294_967_293;

/// The seed a request means: -1 stands for a drawn one, from `draw`, which yields any 64-bit number.
pub fn resolve(seed: i64, draw: &mut dyn FnMut() -> u64) -> u64 {
    u64::try_from(seed).unwrap_or_else(|_| draw() % (RANDOM_SEED_MAX + 1))
}

/// One noise stream per image of a batch. The first tensor starts the image, the following feed its steps.
#[derive(Debug)]
pub struct ImageNoise {
    streams: Vec<Philox>,
    /// `[4, height/8, width/8]`.
    shape: [i64; 3],
    device: engine::tch::Device,
}

impl ImageNoise {
    /// Streams for the seeds of a batch; `shape` is that of one image's latents.
    pub fn new(seeds: &[u64], shape: [i64; 3], device: engine::tch::Device) -> Self {
        Self { streams: seeds.iter().map(|seed| Philox::new(*seed)).collect(), shape, device }
    }
}

impl StepNoise for ImageNoise {
    fn next(&mut self) -> Tensor {
        let images: Vec<Tensor> = self.streams.iter_mut().map(|stream| stream.normal(&self.shape)).collect();
        Tensor::stack(&images, 0).to_device(self.device)
    }
}
