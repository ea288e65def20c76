//! The tensor engine: libtorch through [`tch`], and the little that tch lacks.
//!
//! The only crate with `unsafe` and C++. Nothing here knows what a model is.
//!
//! # Layout
//! - [`device`]: which device to compute on, and how CUDA comes into the process
//! - [`precision`], [`processor`]: the dtype of heavy arithmetic, and where it is fast
//! - [`gradients`]: computing without them
//! - [`generator`]: normal numbers that are the same on every machine
//! - [`adamw`], [`grad_norm`]: what changes weights, fused over all of them
//! - [`memory`]: how much memory the process and its device used at most

pub mod adamw;
pub mod device;
pub mod error;
mod ffi;
pub mod generator;
pub mod grad_norm;
pub mod gradients;
pub mod memory;
pub mod precision;
pub mod processor;

pub use adamw::{AdamW, AdamWSettings, Moments};
pub use device::{DeviceChoice, device_name, open_device};
pub use error::EngineError;
pub use generator::{Generator, Mt19937, Philox};
pub use grad_norm::clip_grad_norm;
pub use gradients::no_grad;
pub use precision::Precision;
pub use processor::{ProcessorCapability, processor_capability};
pub use tch;
