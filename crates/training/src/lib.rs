//! DreamBooth training: photos become captions and latents, a base model becomes a trained one. No I/O but files.
//!
//! # Layout
//! - [`dataset`], [`caption`]: which images there are, what they are called, what is peculiar about them
//! - [`picture`], [`framing`]: what the VAE sees of them
//! - [`latents`], [`prompts`]: what is computed once per image and per caption, and kept
//! - [`noise`], [`batches`], [`lr_schedule`]: everything a step draws or looks up, as functions of seed and step
//! - `prepare`: all of that, before the first step
//! - [`stage`]: the training loop, the same for both stages; start reading here
//! - [`loss`]: how much each item of a batch counts
//! - [`recipe`], `stage_settings`, `stages`: what the request says, resolved
//! - [`memory_plan`], [`networks`]: how much memory there is; what the networks compute with, and which of their numbers change
//! - [`train`](mod@train), [`parked`]: the whole training, and what is in memory meanwhile
//! - [`checkpoint`]: from where an interrupted training goes on
//! - `watch`, `recorder`, [`report`]: what is done and told while it runs, and afterwards
//! - [`validation`], [`exported`]: how far the concept is learnt, of the weights that are exported
//! - [`fidelity`]: how like the concept the sample pictures are
//! - [`painter`]: the door to whoever draws; [`samples`]: pictures in the middle of a training; `class_pictures`,
//!   [`class_cache`]: pictures of the class, drawn before it

pub mod batches;
pub mod caption;
pub mod checkpoint;
pub mod class_cache;
mod class_pictures;
pub mod dataset;
pub mod error;
pub mod exported;
pub mod fidelity;
pub mod framing;
pub mod latents;
pub mod loss;
pub mod lr_schedule;
pub mod memory_plan;
pub mod networks;
pub mod noise;
pub mod painter;
pub mod parked;
pub mod picture;
mod prepare;
pub mod prompts;
pub mod recipe;
mod recorder;
pub mod report;
pub mod samples;
pub mod stage;
mod stage_settings;
mod stages;
pub mod train;
pub mod validation;
mod watch;

pub use checkpoint::{has_checkpoints, remove_checkpoints};
pub use dataset::find_images;
pub use error::TrainingError;
pub use report::Report;
pub use train::{NamedTensors, Trained, TrainingJob, train};
