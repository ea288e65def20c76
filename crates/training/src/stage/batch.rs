//! What the networks are shown: noised latents of a batch, and what they are to find in them.

use engine::tch::Tensor;

use super::plan::StagePlan;
use crate::batches::Batch;

/// One batch, ready for the networks. Everything in it is a function of the seed and the batch's number.
#[derive(Debug)]
pub struct ShownBatch {
    /// The images, by their index in the data set.
    pub images: Vec<usize>,
    /// `[b, 4, h, w]` in the compute dtype.
    pub noisy: Tensor,
    /// `[b]` i64.
    pub timesteps: Tensor,
    /// What should be predicted, `[b, 4, h, w]` f32.
    pub target: Tensor,
    /// How much each item counts in the step's loss, `[b]` f32.
    pub weights: Tensor,
}

impl StagePlan<'_> {
    /// The batch of this number, from 0: step s shows the batches from s · accumulation on. On a GPU the copies are queued and
    /// nothing waits for them.
    pub fn shown(&self, number: u64) -> ShownBatch {
        let Batch { images, instances } = self.batches.batch(number);
        let drawn = self.noise.draw(number, &self.latents.shape(&images));
        let timesteps: Vec<i64> = Vec::try_from(&drawn.timesteps).unwrap_or_default();
        let share = 1.0 / self.accumulation as f64;
        let weights = (self.loss.weights(self.schedule, &timesteps, instances) * share).to_device(self.device);

        let latents = self.latents.sample(&images, &drawn);
        let noise = drawn.noise.to_device(self.device);
        let timesteps = drawn.timesteps.to_device(self.device);
        let noisy = self.schedule.add_noise(&latents, &noise, &timesteps).to_kind(self.compute);
        let target = self.schedule.target(&latents, &noise, &timesteps);
        ShownBatch { images, noisy, timesteps, target, weights }
    }
}
