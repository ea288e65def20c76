//! A request becomes images: seeds, samplers, guidance, infotext. Behaviour follows the web UI's `txt2img`.
//!
//! # Layout
//! - [`pipeline`]: from parameters to pictures, the order of everything
//! - [`studio`]: networks that somebody holds, ready to draw
//! - [`seeds`]: which seed each image has, and its own stream of noise
//! - [`denoiser`]: the UNet as k-diffusion sees it, with classifier-free guidance
//! - [`sampler`]: what every sampler is given and must do; [`samplers`]: one published algorithm a file
//! - [`sigmas`]: the noise levels a run passes through
//! - [`picture`]: latents become pixels become PNG files
//! - [`infotext`], [`info`], [`python_json`]: the texts that describe an image

pub mod denoiser;
pub mod error;
pub mod info;
pub mod infotext;
pub mod picture;
pub mod pipeline;
pub mod python_json;
pub mod sampler;
pub mod samplers;
pub mod seeds;
pub mod sigmas;
pub mod studio;

pub use error::Txt2ImgError;
pub use picture::Picture;
pub use pipeline::{Drawing, Pipeline};
pub use sampler::Sampler;
pub use studio::{Conditioning, Sitting, Studio};
