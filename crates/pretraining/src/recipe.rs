//! How the miniature is trained: everything that its weights depend on.

use std::f64::consts::PI;

use engine::{AdamWSettings, Precision};
use serde::{Deserialize, Serialize};

/// Side of the pictures in pixels: latents are 16 × 16, on which a doll's head is about five cells wide.
pub const SIDE: u32 = 128;
/// Pictures of one step.
pub const BATCH_SIZE: usize = 32;
/// Step size between warm-up and decay.
const LEARNING_RATE: f64 = 8e-4;
/// Steps over which the rate rises to its full size.
const WARM_UP_STEPS: u64 = 100;
/// The last part of the run, in which the rate falls along a cosine. What came before can be lengthened, because it does not
/// depend on where the run ends (Hu et al., "MiniCPM", 2024, section 4).
const DECAY_SHARE: f64 = 0.25;
/// Steps see few pictures each, so the second moment follows more quickly than PyTorch's default.
const ADAMW: AdamWSettings = AdamWSettings { beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay: 0.01 };
/// Weights that decay would change rows of tokens that no caption has, which are not stored but drawn from the seed.
const ADAMW_OF_TOKENS: AdamWSettings = AdamWSettings { weight_decay: 0.0, ..ADAMW };
/// What is drawn with is the average over about the last 500 steps.
pub const EMA_DECAY: f64 = 0.998;
/// Hang et al., "Efficient diffusion training via min-SNR weighting strategy", 2023.
pub const MIN_SNR_GAMMA: f64 = 5.0;
/// This share of the pictures is shown without a caption, for guidance (Ho and Salimans, "Classifier-free diffusion guidance",
/// 2022).
pub const EMPTY_CAPTIONS: f64 = 0.1;
/// Ways in which one picture's caption is worded.
pub const WORDINGS: usize = 8;

/// What a run is begun with. A run folder belongs to one recipe; only `steps` may change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// Of the pictures, the first weights and all that is drawn.
    pub seed: u64,
    /// Pictures of the toy world; each also mirrored.
    pub pictures: u64,
    /// Optimizer steps of the whole run.
    pub steps: u64,
    /// What the networks compute in; masters are f32.
    pub precision: Precision,
}

impl Recipe {
    /// The step from which on the rate falls.
    #[must_use]
    pub fn decay_begins(&self) -> u64 {
        self.steps - (self.steps as f64 * DECAY_SHARE) as u64
    }

    /// The step size of `step` (from 0).
    #[must_use]
    pub fn learning_rate(&self, step: u64) -> f64 {
        let begin = self.decay_begins();
        let rise = ((step + 1) as f64 / WARM_UP_STEPS as f64).min(1.0);
        let fall = if step < begin {
            1.0
        } else {
            let done = (step - begin) as f64 / (self.steps - begin).max(1) as f64;
            0.5 * (1.0 + (PI * done).cos())
        };
        LEARNING_RATE * rise * fall
    }

    /// Whether a state that a run of `steps` steps left at `step` is one of this run, too.
    #[must_use]
    pub fn goes_on_from(&self, step: u64, steps: u64) -> bool {
        let other = Self { steps, ..self.clone() };
        step <= self.steps && (steps == self.steps || step <= self.decay_begins().min(other.decay_begins()))
    }

    /// The optimizer of the UNet and of the text encoder's layers.
    #[must_use]
    pub fn adamw() -> AdamWSettings {
        ADAMW
    }

    /// The optimizer of the table of tokens.
    #[must_use]
    pub fn adamw_of_tokens() -> AdamWSettings {
        ADAMW_OF_TOKENS
    }
}
