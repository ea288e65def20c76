//! The training loop, the same for both stages (spec sections 3.3, 3.5 and 4).

use engine::tch::{Device, Kind, Reduction, Tensor};
use engine::{AdamW, AdamWSettings, clip_grad_norm};
use model::NoiseSchedule;
use protocol::Stage;

use crate::batches::Batches;
use crate::error::{Result, TrainingError};
use crate::latents::LatentCache;
use crate::lr_schedule::LearningRate;
use crate::noise::NoiseSource;

/// The original's optimizer settings, which are PyTorch's defaults. At learning rates below 3e-6 the weight decay is lost
/// in f32's rounding; it is kept for the higher ones.
pub const ADAMW: AdamWSettings = AdamWSettings { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.01 };

/// Gradients longer than this are scaled down to it; the norm is taken over all trained tensors together.
pub const CLIP_NORM: f64 = 1.0;

/// What a stage trains on and how.
#[derive(Debug)]
pub struct StageLoop<'a> {
    /// Which stage, for messages.
    pub stage: Stage,
    /// Optimizer steps.
    pub steps: u64,
    /// Step size and how it changes.
    pub learning_rate: LearningRate,
    /// How noise is added.
    pub schedule: &'a NoiseSchedule,
    /// The images.
    pub latents: &'a LatentCache,
    /// Their order.
    pub batches: Batches,
    /// The randomness.
    pub noise: &'a dyn NoiseSource,
    /// Where the networks lie.
    pub device: Device,
    /// What the networks compute in. Weights, gradients, optimizer state and loss are always f32: at these learning
    /// rates an update is smaller than the spacing of bf16 around a typical weight.
    pub compute: Kind,
}

/// What one step came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepRecord {
    /// Steps done, from 1.
    pub step: u64,
    /// Mean squared error of the prediction.
    pub loss: f64,
    /// Norm of all gradients together, before clipping.
    pub gradient_norm: f64,
    /// The learning rate of this step.
    pub learning_rate: f64,
}

/// The networks: from noisy latents `[b, 4, h, w]` in the compute dtype, timesteps `[b]` i64 and the images they stem from
/// to the prediction, `[b, 4, h, w]`.
pub type Predict<'a> = dyn Fn(&Tensor, &Tensor, &[usize]) -> Tensor + 'a;

impl StageLoop<'_> {
    /// Trains `parameters`, f32 tensors that require gradients, in place; `done` sees every step and may end the run.
    ///
    /// # Errors
    /// When the loss or the gradient stops being a finite number, or the optimizer fails; then the parameters are not to be
    /// used. And `done`'s own.
    pub fn run(
        &self,
        parameters: &[Tensor],
        predict: &Predict<'_>,
        mut done: impl FnMut(StepRecord) -> Result<()>,
    ) -> Result<()> {
        let mut optimizer = AdamW::new(parameters.iter().map(Tensor::shallow_clone).collect(), ADAMW);
        self.run_with(&mut optimizer, predict, |record, _| done(record))
    }

    /// [`Self::run`] with the optimizer from outside: it trains the optimizer's parameters, and `done` sees the optimizer's
    /// state after every step.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn run_with(
        &self,
        optimizer: &mut AdamW,
        predict: &Predict<'_>,
        mut done: impl FnMut(StepRecord, &AdamW) -> Result<()>,
    ) -> Result<()> {
        for step in 0..self.steps {
            let loss = self.backward(step, predict);
            let gradient_norm = clip_grad_norm(optimizer.parameters(), CLIP_NORM)?;
            self.refuse_divergence(step, loss, gradient_norm)?;

            let learning_rate = self.learning_rate.at(step, self.steps);
            optimizer.step(learning_rate)?;
            optimizer.zero_grad();
            done(StepRecord { step: step + 1, loss, gradient_norm, learning_rate }, optimizer)?;
        }
        Ok(())
    }

    /// Adds the gradients of `step` to the parameters and gives the loss. Activations are gone when it returns, so that
    /// the optimizer has their memory.
    fn backward(&self, step: u64, predict: &Predict<'_>) -> f64 {
        let batch = self.batches.batch(step);
        let drawn = self.noise.draw(step, &self.latents.shape(batch.len()));
        let latents = self.latents.sample(&batch, &drawn);
        let noise = drawn.noise.to_device(self.device);
        let timesteps = drawn.timesteps.to_device(self.device);

        let noisy = self.schedule.add_noise(&latents, &noise, &timesteps);
        let target = self.schedule.target(&latents, &noise, &timesteps);
        let prediction = predict(&noisy.to_kind(self.compute), &timesteps, &batch);
        let loss = prediction.to_kind(Kind::Float).mse_loss(&target, Reduction::Mean);
        loss.backward();
        loss.double_value(&[])
    }

    fn refuse_divergence(&self, step: u64, loss: f64, gradient_norm: f64) -> Result<()> {
        let what = match (loss.is_finite(), gradient_norm.is_finite()) {
            (true, true) => return Ok(()),
            (false, _) => "the loss",
            (true, false) => "the gradient",
        };
        Err(TrainingError::Diverged { stage: self.stage, step: step + 1, what, learning_rate: self.learning_rate.base })
    }
}
