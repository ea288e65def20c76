//! `train`: one training by hand.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use execution::{model_files, train_to_files};
use protocol::TrainSettings;
use training::TrainingJob;
use transfer::{UnzipLimits, unzip};

use super::by_hand::{by_hand, read_json};
use super::model_argument::{compute, open_model};
use super::progress::Progress;
use crate::cli::ComputeArgs;
use crate::failure::{Failure, cannot};

#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// Base model: mini, a diffusers folder, a .safetensors or .ckpt file, a Hub id owner/name, or random:sd15, random:mini, random:FOLDER (with an optional @SEED)
    #[arg(long, value_name = "MODEL")]
    model: String,
    /// A zip file or folder with photos of the concept
    #[arg(long, value_name = "ZIP_OR_DIR")]
    data: PathBuf,
    /// A JSON file: the object under input.train, without data_url
    #[arg(long, value_name = "FILE")]
    params: PathBuf,
    /// Gets model.safetensors, model.ckpt and train.json
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    compute: ComputeArgs,
}

/// Writes `model.safetensors`, `model.ckpt` and `train.json`.
pub(crate) fn run(args: &TrainArgs) -> Result<(), Failure> {
    let settings = TrainSettings::parse_alone(read_json(&args.params)?, "train")?;
    let compute = compute(&args.compute)?;
    fs::create_dir_all(&args.out).map_err(cannot(format!("make the folder {}", args.out.display())))?;
    let scratch = tempfile::tempdir_in(&args.out)?;
    let images = images_dir(&args.data, scratch.path())?;
    let model = open_model(&args.model)?;
    let job = TrainingJob {
        base: &model.base,
        settings: &settings,
        images_dir: &images,
        scratch_dir: scratch.path(),
        device: compute.device,
        precision: compute.precision,
    };
    let mut progress = Progress::new();
    let mut show = |event| progress.show(&event);
    by_hand(&mut show, |occasion| train_to_files(&job, &args.out, &model_files("model"), occasion))?;
    progress.finish(&format!("model.safetensors, model.ckpt and train.json are in {}", args.out.display()));
    Ok(())
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
