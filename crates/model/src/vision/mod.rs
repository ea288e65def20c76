//! Networks that judge pictures, and what they see of them: CLIP (Radford et al., 2021) and DINO (Caron et al., 2021), as
//! transformers saves them. All in f32.
//!
//! # Layout
//! - [`ClipFolder`], [`DinoFolder`]: a folder that is opened and wholly checked, of which no weight is read yet
//! - [`Clip`], [`Dino`]: a picture, or a prompt, becomes a vector
//! - [`ImageProcessor`]: from a picture's bytes to a network's input, as transformers' image processors; `resample`: PIL's
//!   resizing
//! - [`config`]: sizes, read from `config.json`
//! - `transformer`: the network that both are made of; `weights`: where its numbers lie

mod clip;
pub mod config;
mod dino;
mod picture;
mod processor;
mod resample;
mod transformer;
mod weights;

pub use clip::{Clip, ClipFolder};
pub use dino::{Dino, DinoFolder};
pub use picture::Picture;
pub use processor::{ImageProcessor, ProcessorType};
