//! What changes from step to step: weights, optimizers, averages, position. All of it can be kept and put back, to the bit.

use engine::tch::Tensor;
use engine::{Ema, EngineError, Optimizer, clip};

use super::Predict;
use super::batch::ShownBatch;
use super::plan::{CLIP_NORM, StagePlan};
use crate::error::{Result, TrainingError};
use crate::loss::weighted_loss;
use crate::lr_schedule::LearningRate;

/// A network in training: its optimizer, which knows the parameters, and how fast it learns.
#[derive(Debug)]
pub struct Trainee {
    /// `unet` or `text_encoder`: what its tensors are called by in a checkpoint.
    pub name: &'static str,
    /// Changes the parameters.
    pub optimizer: Box<dyn Optimizer>,
    /// Step size and how it changes over `steps`.
    pub learning_rate: LearningRate,
    /// Steps that it learns for; afterwards it stays as it is.
    pub steps: u64,
    /// An average of its weights, if one is kept.
    pub ema: Option<Ema>,
}

impl Trainee {
    /// The rate of `step` (from 0); `None` once it does not learn any more.
    fn rate(&self, step: u64) -> Option<f64> {
        (step < self.steps).then(|| self.learning_rate.at(step, self.steps))
    }

    /// What is exported: the averages where they are kept, else the weights; f32, by the parameters' names.
    pub fn result(&self) -> Vec<(String, Tensor)> {
        match &self.ema {
            Some(ema) => ema.averages().map(|(name, average)| (name.to_owned(), average.shallow_clone())).collect(),
            None => {
                let named =
                    |parameter: &engine::Parameter| (parameter.name().to_owned(), parameter.master().shallow_clone());
                self.optimizer.parameters().iter().map(named).collect()
            }
        }
    }
}

/// How far a stage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Steps taken.
    pub step: u64,
}

/// A stage in training.
#[derive(Debug)]
pub struct StageState {
    step: u64,
    trainees: Vec<Trainee>,
    /// The next batch, made while the device was busy with the last one.
    prepared: Option<(u64, ShownBatch)>,
}

/// What one step came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepRecord {
    /// Steps done, from 1.
    pub step: u64,
    /// Weighed squared error of the prediction; without weights its mean.
    pub loss: f64,
    /// Norm of all gradients together, before clipping.
    pub gradient_norm: f64,
    /// The learning rate of the first network that is trained.
    pub learning_rate: f64,
}

/// A step that was taken, and whose numbers may still be on their way from the device.
#[derive(Debug)]
pub struct TakenStep {
    step: u64,
    loss: Tensor,
    norm: Tensor,
    learning_rate: f64,
}

impl StageState {
    /// A stage before its first step.
    pub fn new(trainees: Vec<Trainee>) -> Self {
        Self { step: 0, trainees, prepared: None }
    }

    /// How far it is.
    pub fn position(&self) -> Position {
        Position { step: self.step }
    }

    /// The networks in training.
    pub fn trainees(&self) -> &[Trainee] {
        &self.trainees
    }

    /// Takes the next step at the rates that the trainees' schedules say. The host queues work for the device and waits for
    /// none of it: the numbers are read later.
    ///
    /// # Errors
    /// When the optimizer fails; then the weights are not to be used.
    pub fn step(&mut self, plan: &StagePlan<'_>, predict: &Predict<'_>) -> Result<TakenStep> {
        let rates: Vec<Option<f64>> = self.trainees.iter().map(|trainee| trainee.rate(self.step)).collect();
        self.step_at(&rates, plan, predict)
    }

    /// Takes the next step at these rates, one for each trainee; without one it does not learn.
    ///
    /// # Errors
    /// As [`Self::step`].
    pub fn step_at(&mut self, rates: &[Option<f64>], plan: &StagePlan<'_>, predict: &Predict<'_>) -> Result<TakenStep> {
        let loss = self.gather_gradients(plan, predict);
        let learning = self.trainees.iter().zip(rates).filter(|(_, rate)| rate.is_some());
        let clip = clip(learning.flat_map(|(trainee, _)| trainee.optimizer.parameters()), CLIP_NORM)?;
        for (trainee, rate) in self.trainees.iter_mut().zip(rates) {
            let Some(rate) = rate else { continue };
            trainee.optimizer.step(*rate, &clip)?;
            if let Some(ema) = &mut trainee.ema {
                ema.update(trainee.optimizer.parameters())?;
            }
        }
        self.trainees.iter_mut().for_each(|trainee| trainee.optimizer.zero_grad());
        self.step += 1;
        let learning_rate = rates.iter().copied().flatten().next().unwrap_or(0.0);
        Ok(TakenStep { step: self.step, loss, norm: clip.norm, learning_rate })
    }

    /// Shows the networks the step's batches, and prepares the next one meanwhile. The step's loss.
    fn gather_gradients(&mut self, plan: &StagePlan<'_>, predict: &Predict<'_>) -> Tensor {
        let first = self.step * plan.accumulation;
        let mut losses = Vec::new();
        for number in first..first + plan.accumulation {
            let batch = match self.prepared.take() {
                Some((prepared, batch)) if prepared == number => batch,
                _ => plan.shown(number),
            };
            losses.push(backward(&batch, predict));
            if number + 1 < plan.steps * plan.accumulation {
                self.prepared = Some((number + 1, plan.shown(number + 1)));
            }
        }
        sum(losses)
    }

    /// Everything that the next step depends on besides the plan, by stable names (`unet.exp_avg.conv_in.weight`): weights,
    /// optimizer states, averages. Shallow copies, which the next step changes.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        let mut state = Vec::new();
        for trainee in &self.trainees {
            let name = |name: &str| format!("{}.{name}", trainee.name);
            for parameter in trainee.optimizer.parameters() {
                state.push((name(&format!("master.{}", parameter.name())), parameter.master().shallow_clone()));
            }
            let kept = trainee.optimizer.state().into_iter();
            let averages = trainee.ema.iter().flat_map(Ema::state);
            state.extend(kept.chain(averages).map(|(key, tensor)| (name(&key), tensor)));
        }
        state
    }

    /// Puts back what [`Self::state`] gave at `position`; `read(name)` yields the tensor.
    ///
    /// # Errors
    /// When a tensor is missing or of another shape; then the state is not to be used.
    pub fn load(
        &mut self,
        position: Position,
        read: &mut dyn FnMut(&str) -> std::result::Result<Tensor, EngineError>,
    ) -> Result<()> {
        for trainee in &mut self.trainees {
            let mut read = |name: &str| read(&format!("{}.{name}", trainee.name));
            for parameter in trainee.optimizer.parameters() {
                parameter.load(&read(&format!("master.{}", parameter.name()))?)?;
            }
            trainee.optimizer.load(&mut read)?;
            if let Some(ema) = &mut trainee.ema {
                ema.load(&mut read)?;
            }
        }
        self.step = position.step;
        self.prepared = None;
        Ok(())
    }

    /// The networks in training, when the stage has ended.
    pub fn into_trainees(self) -> Vec<Trainee> {
        self.trainees
    }
}

/// Adds the gradients of a batch to the parameters and gives its share of the loss. Activations are gone when it returns, so
/// that the optimizer has their memory.
fn backward(batch: &ShownBatch, predict: &Predict<'_>) -> Tensor {
    let prediction = predict(&batch.noisy, &batch.timesteps, &batch.images);
    let loss = weighted_loss(&prediction, &batch.target, &batch.weights);
    loss.backward();
    loss.detach()
}

fn sum(losses: Vec<Tensor>) -> Tensor {
    losses.into_iter().reduce(|sum, loss| sum + loss).unwrap_or_else(|| Tensor::from(0.0f32))
}

impl TakenStep {
    /// The step's numbers; waits for the device if they are not there yet.
    ///
    /// # Errors
    /// When the loss or the gradient is no finite number: the training diverged, and the weights are not to be used.
    pub fn read(&self, plan: &StagePlan<'_>, base_rate: f64) -> Result<StepRecord> {
        let (loss, gradient_norm) = (self.loss.f_double_value(&[])?, self.norm.f_double_value(&[])?);
        let what = match (loss.is_finite(), gradient_norm.is_finite()) {
            (true, true) => {
                return Ok(StepRecord { step: self.step, loss, gradient_norm, learning_rate: self.learning_rate });
            }
            (false, _) => "the loss",
            (true, false) => "the gradient",
        };
        Err(TrainingError::Diverged { stage: plan.stage, step: self.step, what, learning_rate: base_rate })
    }
}
