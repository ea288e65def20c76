//! The miniature Stable Diffusion that comes with the program is trained here: from nothing, on pictures of the toy world, with
//! the product's own networks, optimizer and stage loop.
//!
//! # Layout
//! - [`recipe`]: everything that the weights depend on
//! - [`run_folder`]: where a run keeps what
//! - [`autoencoder`]: TAESD becomes one for toys
//! - [`start`]: the model before the first step
//! - [`pictures`], [`latents`], [`captions`]: what a step shows and says
//! - [`learner`]: networks, optimizers, averages
//! - [`states`]: from where an interrupted run goes on
//! - [`run`](mod@run): the run itself
//! - [`sheet`](mod@sheet): what it draws meanwhile
//! - [`embedding`]: the model as one small file
//! - [`measure`](mod@measure): how good it is

pub mod autoencoder;
pub mod captions;
pub mod embedding;
pub mod error;
pub mod latents;
pub mod learner;
pub mod measure;
pub mod pictures;
pub mod recipe;
pub mod run;
pub mod run_folder;
pub mod sheet;
pub mod start;
pub mod states;
mod tensors;
