//! The base model that is a part of the program: a Stable Diffusion 1.x in miniature, trained in the toy world
//! (docs/mini-model.md), in 8 bits with its configuration.

/// The file. What a build without this crate leaves out, it does not embed.
pub(crate) const WEIGHTS: &[u8] = include_bytes!("../weights/mini.safetensors");
