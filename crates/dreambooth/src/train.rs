//! `train`: one training by hand.

use std::fs;
use std::path::{Path, PathBuf};

use protocol::TrainParams;
use transfer::{UnzipLimits, unzip};
use worker::execution::train_to_files;

use crate::cli::TrainArgs;
use crate::failure::{Failure, cannot};
use crate::model_argument::{compute, open_model};
use crate::progress::Progress;

/// Writes `model.safetensors`, `model.ckpt` and `train.json`.
pub(crate) fn run(args: &TrainArgs) -> Result<(), Failure> {
    let params = TrainParams::parse(&read_json(&args.params)?, "train")?;
    let compute = compute(&args.compute)?;
    fs::create_dir_all(&args.out).map_err(cannot(format!("make the folder {}", args.out.display())))?;
    let scratch = tempfile::tempdir_in(&args.out)?;
    let images = images_dir(&args.data, scratch.path())?;
    let base = open_model(&args.model)?;
    let mut progress = Progress::new();
    train_to_files(&base, &params, &images, &args.out, "model", compute, &mut |event| progress.show(&event))?;
    progress.finish(&format!("model.safetensors, model.ckpt and train.json are in {}", args.out.display()));
    Ok(())
}

/// Reads a JSON file.
pub(crate) fn read_json(path: &Path) -> Result<serde_json::Value, Failure> {
    let text = fs::read_to_string(path).map_err(cannot(format!("read {}", path.display())))?;
    serde_json::from_str(&text).map_err(cannot(format!("read {} as JSON", path.display())))
}

/// The folder itself, or the zip's content below `scratch`.
fn images_dir(data: &Path, scratch: &Path) -> Result<PathBuf, Failure> {
    if data.is_dir() {
        return Ok(data.into());
    }
    let images = scratch.join("images");
    unzip::unpack(data, &images, UnzipLimits::PHOTOS)?;
    Ok(images)
}
