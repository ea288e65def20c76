//! Checkpoints: from where a training goes on that was killed, stopped, or moved to another process.
//!
//! One is a folder `{stage}-{step}` below the training's own:
//! - `state.safetensors`: weights, optimizer states, averages ([`StageState::state`](crate::stage::StageState::state)); absent
//!   before the first step of the UNet stage
//! - `text_encoder.safetensors`: what the text stage left, once the UNet stage runs; a second name of the parked file
//! - `history.json`: all steps so far, for the report, and how the stage lies in memory, which a LoRA keeps
//! - `manifest.json`, last: what the others are, with their hashes, and to which training they belong
//!
//! Data, latents and every draw are functions of the request and are computed again. So the weights at the end are those of an
//! undisturbed run, bit for bit, as long as libtorch, its kernels and the number of threads are the same.
//!
//! # Layout
//! - [`manifest`], [`identity`]: what a checkpoint says of itself
//! - [`writing`], [`reading`]: the folder on the disk
//! - [`cadence`]: when one is due
//! - [`duty`]: it is written between two steps
//! - [`resumption`]: a training goes on from one

mod cadence;
mod duty;
mod identity;
mod manifest;
mod reading;
mod resumption;
mod writing;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub(crate) use duty::CheckpointDuty;
pub(crate) use manifest::History;
pub(crate) use resumption::Resumption;
pub(crate) use writing::Checkpoints;

/// The folder of a training's checkpoints in its scratch folder.
fn folder(scratch_dir: &Path) -> PathBuf {
    scratch_dir.join("checkpoints")
}

/// Whether there is something in a training's scratch folder from which it could go on.
pub fn has_checkpoints(scratch_dir: &Path) -> bool {
    !reading::places(&folder(scratch_dir)).is_empty()
}

/// Removes the checkpoints of a training whose result is safe.
///
/// # Errors
/// When the disk refuses.
pub fn remove_checkpoints(scratch_dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder(scratch_dir)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
