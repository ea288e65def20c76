//! The tensor engine: libtorch through [`tch`], and the little that tch lacks.
//!
//! The only crate with `unsafe` and C++. Nothing here knows what a model is.
//!
//! # Layout
//! - [`device`]: which device to compute on, and how CUDA comes into the process
//! - [`cuda`]: kernels of our own on a GPU, compiled there
//! - [`precision`], [`processor`]: the dtype of heavy arithmetic, and where it is fast
//! - [`gradients`]: computing without them
//! - [`checkpoint`]: computing again in the backward pass instead of keeping
//! - [`generator`]: normal numbers that are the same on every machine
//! - [`parameter`], [`optimizer`], [`grad_norm`]: weights and what changes them, fused over all of them
//! - [`ema`]: their moving averages
//! - [`libtorch`]: what the last bits of a sum depend on besides its terms
//! - [`memory`]: how much memory the process and its device used at most

pub mod checkpoint;
pub mod cuda;
pub mod device;
pub mod ema;
pub mod error;
mod ffi;
pub mod generator;
pub mod grad_norm;
pub mod gradients;
mod library;
pub mod libtorch;
pub mod memory;
pub mod optimizer;
pub mod parameter;
pub mod precision;
pub mod processor;

pub use checkpoint::Segment;
pub use device::{DeviceChoice, device_name, open_device};
pub use ema::Ema;
pub use error::EngineError;
pub use generator::{Generator, Mt19937, Philox};
pub use grad_norm::{Clip, clip};
pub use gradients::no_grad;
pub use optimizer::{AdamW, AdamW8bit, AdamW8bitSettings, AdamWSettings, BlockSize, Optimizer};
pub use parameter::Parameter;
pub use precision::Precision;
pub use processor::{ProcessorCapability, processor_capability};
pub use tch;
