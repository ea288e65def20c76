//! The training loop, the same for both stages (spec sections 3.3, 3.5 and 4).
//!
//! # Layout
//! - [`plan`]: what a stage trains on and how; it does not change while the stage runs
//! - [`state`]: what changes from step to step; one [`StageState::step`], and all of it can be kept and put back
//! - [`batch`]: what the networks are shown in a step
//! - [`run`]: step after step, with whoever watches

pub mod batch;
pub mod plan;
pub mod run;
pub mod state;

pub use batch::ShownBatch;
pub use plan::{ADAMW, CLIP_NORM, StagePlan};
pub use run::StageWatch;
pub use state::{Position, StageState, StepRecord, TakenStep, Trainee};

use engine::tch::Tensor;

/// The networks: from noisy latents `[b, 4, h, w]` in the compute dtype, timesteps `[b]` i64 and the images they stem from
/// to the prediction, `[b, 4, h, w]`.
pub type Predict<'a> = dyn Fn(&Tensor, &Tensor, &[usize]) -> Tensor + 'a;
