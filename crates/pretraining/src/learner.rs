//! The networks in training: text encoder and UNet learn together, from the first step on.

use engine::tch::{Device, Kind, Tensor};
use engine::{AdamW, AdamWSettings, Ema, Parameter};
use model::{BaseModel, TextEncoder, UNet};
use protocol::LrScheduler;
use training::lr_schedule::LearningRate;
use training::networks::{InTraining, Layout, trained_text_encoder, trained_unet};
use training::stage::{StagePlan, StageState, StepRecord, Trainee};

use crate::captions::Captions;
use crate::error::Result;
use crate::recipe::{EMA_DECAY, Recipe};

/// The table of tokens, which is trained without decay.
const TOKENS: &str = "text_model.embeddings.token_embedding.weight";

/// Networks, optimizers and averages.
#[derive(Debug)]
pub struct Learner {
    text_encoder: TextEncoder,
    unet: UNet,
    compute: Kind,
    device: Device,
    /// UNet, text encoder, tokens.
    pub state: StageState,
}

/// Moving averages of the weights, by their names.
#[derive(Debug)]
pub struct Averages {
    /// Layers and tokens.
    pub text_encoder: Vec<(String, Tensor)>,
    /// All of the UNet.
    pub unet: Vec<(String, Tensor)>,
}

impl Learner {
    /// The networks of `base`, before the first step.
    ///
    /// # Errors
    /// When the base model cannot be read, or memory is short.
    pub fn new(base: &BaseModel, recipe: &Recipe, device: Device) -> Result<Self> {
        let compute = recipe.precision.kind();
        let layout = Layout { compute, gradients: compute, recompute: false, adapter: None };
        let InTraining { network: text_encoder, parameters } = trained_text_encoder(base, device, &layout)?;
        let (tokens, layers) = parameters.into_iter().partition(|parameter: &Parameter| parameter.name() == TOKENS);
        let unet = trained_unet(base, device, &layout)?;
        let trainees = vec![
            trainee("unet", unet.parameters, Recipe::adamw(), recipe)?,
            trainee("text_encoder", layers, Recipe::adamw(), recipe)?,
            trainee("tokens", tokens, Recipe::adamw_of_tokens(), recipe)?,
        ];
        Ok(Self { text_encoder, unet: unet.network, compute, device, state: StageState::new(trainees) })
    }

    /// One step of all of them.
    ///
    /// # Errors
    /// When an optimizer fails, or the run has diverged.
    pub fn step(&mut self, plan: &StagePlan<'_>, captions: &Captions, recipe: &Recipe) -> Result<StepRecord> {
        let step = self.state.position().step;
        let rate = recipe.learning_rate(step);
        let (text_encoder, unet, compute, device) = (&self.text_encoder, &self.unet, self.compute, self.device);
        let predict = |noisy: &Tensor, timesteps: &Tensor, pictures: &[usize]| {
            let context = text_encoder.forward(&captions.ids(step, pictures, device), compute);
            unet.forward(noisy, timesteps, &context)
        };
        let taken = self.state.step_at(&[Some(rate); 3], plan, &predict)?;
        Ok(taken.read(plan, rate)?)
    }

    /// The averaged weights.
    #[must_use]
    pub fn averages(&self) -> Averages {
        let [unet, layers, tokens] = self.state.trainees() else { unreachable!("a learner has three trainees") };
        let text_encoder = layers.result().into_iter().chain(tokens.result());
        Averages { text_encoder: text_encoder.collect(), unet: unet.result() }
    }
}

fn trainee(name: &'static str, parameters: Vec<Parameter>, adamw: AdamWSettings, recipe: &Recipe) -> Result<Trainee> {
    let ema = Some(Ema::new(&parameters, EMA_DECAY)?);
    // What is asked for in each step; the rate is given with it.
    let learning_rate = LearningRate { base: recipe.learning_rate(0), scheduler: LrScheduler::Constant };
    Ok(Trainee { name, optimizer: Box::new(AdamW::new(parameters, adamw)), learning_rate, steps: recipe.steps, ema })
}
