//! A request becomes images: seeds, samplers, guidance, infotext. Behaviour follows the web UI's `txt2img`.
//!
//! # Layout
//! - [`pipeline`]: from parameters to pictures, the order of everything
//! - [`studio`]: networks that somebody holds, ready to draw
//! - [`seeds`]: which seed each image has; [`noise`]: its own streams of noise
//! - [`denoiser`]: the UNet as k-diffusion sees it, with classifier-free guidance
//! - [`schedule`]: the noise levels a run passes through; [`trajectory`]: a walk's own
//! - [`sampler`]: what every sampler is given; [`samplers`]: one published algorithm a file
//! - [`picture`]: latents become pixels become PNG files
//! - [`infotext`], [`info`], [`python_json`]: the texts that describe an image

pub mod denoiser;
pub mod error;
pub mod info;
pub mod infotext;
pub mod noise;
pub mod picture;
pub mod pipeline;
pub mod python_json;
pub mod sampler;
pub mod samplers;
pub mod schedule;
pub mod seeds;
pub mod studio;
pub mod trajectory;

pub use error::Txt2ImgError;
pub use picture::Picture;
pub use pipeline::{Drawing, Pipeline};
pub use studio::{Conditioning, Sitting, Studio};
pub use trajectory::Trajectory;
