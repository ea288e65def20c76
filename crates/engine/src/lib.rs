//! The tensor engine: libtorch through [`tch`], and the little that tch lacks.
//!
//! The only crate with `unsafe` and C++. Nothing here knows what a model is.
//!
//! # Layout
//! - [`device`]: which device to compute on, and how CUDA comes into the process
//! - [`precision`]: the dtype of heavy arithmetic
//! - [`generator`]: normal numbers that are the same on every machine
//! - [`adamw`], [`grad_norm`]: what changes weights, fused over all of them
//! - [`memory`]: how much memory the process and its device used at most

pub mod adamw;
pub mod device;
pub mod error;
mod ffi;
pub mod generator;
pub mod grad_norm;
pub mod memory;
pub mod precision;

pub use adamw::{AdamW, AdamWSettings, Moments};
pub use device::{DeviceChoice, open_device};
pub use error::EngineError;
pub use generator::{Generator, Mt19937, Philox};
pub use grad_norm::clip_grad_norm;
pub use precision::Precision;
pub use tch;
