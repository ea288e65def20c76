//! DreamBooth training: photos become captions and latents, a base model becomes a trained one. No I/O but files.
//!
//! # Layout
//! - [`dataset`], [`caption`], [`picture`]: which images there are, what they are called, what the VAE sees of them
//! - [`latents`], [`prompts`]: what is computed once per image and per caption, and kept
//! - [`noise`], [`batches`], [`lr_schedule`]: everything a step draws or looks up, as functions of seed and step
//! - [`stage`]: the training loop, the same for both stages; start reading here
//! - [`text_stage`], [`unet_stage`], `plan`, `parameters`: what the stages train, and what the request says about them
//! - [`train`](mod@train), [`parked`]: the whole training, and what is in memory meanwhile
//! - `recorder`, [`report`]: what is told while it runs and afterwards

pub mod batches;
pub mod caption;
pub mod dataset;
pub mod error;
pub mod latents;
pub mod lr_schedule;
pub mod noise;
mod parameters;
pub mod parked;
pub mod picture;
mod plan;
pub mod prompts;
mod recorder;
pub mod report;
pub mod stage;
pub mod text_stage;
pub mod train;
pub mod unet_stage;

pub use dataset::find_images;
pub use error::TrainingError;
pub use report::Report;
pub use train::{Trained, TrainingJob, train};
