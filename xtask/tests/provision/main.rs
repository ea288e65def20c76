//! The shared libtorch folder: made once, whole or not at all, adopted when it is right, made anew when it is not; with the CUDA
//! libraries for whoever asks for them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cuda;
mod folder;
mod small_release;
