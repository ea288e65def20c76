//! Trainings that PyTorch, diffusers and peft did and `tools/goldens` recorded, done again by the product's own loop: losses,
//! gradient norms, learning rates and followed weights. How far two correct computations may be apart stands in
//! `tools/goldens/README.md`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod averages;
mod bf16;
mod course;
mod faithful;
mod given;
mod lora;
mod objectives;
mod recording;
