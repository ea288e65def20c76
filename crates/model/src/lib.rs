//! Stable Diffusion 1.x: networks, tokenizer, noise schedule, weight files in and out; and networks that judge pictures. No I/O
//! but files.
//!
//! # Layout
//! - [`config`]: sizes of every network, read from `config.json`, never assumed
//! - [`tokenizer`]: CLIP's byte-pair encoding with its bundled vocabulary
//! - [`options`]: in which dtypes a network is loaded, and what is loaded with it
//! - [`layers`]: how a network part finds its weights, and the layers that all parts share
//! - [`text_encoder`], [`unet`], [`vae`]: the networks, one part a file
//! - [`vision`]: the networks that judge pictures: CLIP and DINO
//! - [`schedule`]: `alphas_cumprod` and what follows from it
//! - [`weights`]: where weights come from and go to: diffusers folders, single files, seeds
//! - [`reference`], [`base`]: a MODEL as users write it, and the opened model it names

pub mod base;
pub mod config;
pub mod error;
mod fingerprint;
pub mod layers;
mod mini;
pub mod options;
pub mod reference;
pub mod schedule;
pub mod text_encoder;
pub mod tokenizer;
pub mod unet;
pub mod vae;
pub mod vision;
pub mod weights;

pub use base::BaseModel;
pub use config::{
    AutoencoderKlConfig, AutoencoderTinyConfig, ModelConfig, PredictionType, ScheduleConfig, TextConfig, UNetConfig,
    VaeClass, VaeConfig,
};
pub use error::ModelError;
pub use layers::{Loader, count_parameters};
pub use options::{Dtypes, LoadOptions, LoraSettings};
pub use reference::{ModelReference, RandomConfig};
pub use schedule::NoiseSchedule;
pub use text_encoder::TextEncoder;
pub use tokenizer::Tokenizer;
pub use unet::UNet;
pub use vae::{Posterior, Vae};
pub use weights::export::{ExportNotes, Exported, export, export_diffusers};
pub use weights::{Lora, LoraModule, Merged, Multipliers, Overlay, Part, WeightSource, write_lora};
