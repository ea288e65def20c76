//! `train`: one training by hand.

use std::path::{Path, PathBuf};

use clap::Args;
use execution::{model_files, train_to_files};
use protocol::native::Native;
use protocol::{Leave, Occasion, TrainOutput, TrainSettings};
use training::TrainingJob;
use transfer::{UnzipLimits, unzip};

use super::by_hand::{by_hand_until, read_json};
use super::fidelity_models::fidelity_models;
use super::interrupt::Interrupt;
use super::model_argument::{class_cache, compute, open_model};
use super::progress::Progress;
use super::unfinished::Unfinished;
use crate::cli::{ComputeArgs, FidelityArgs};
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// Base model: mini, a diffusers folder, a .safetensors or .ckpt file (FILE@ema takes its averaged weights), a Hub id owner/name (with an optional @REVISION; HF_TOKEN opens private ones), or random:sd15, random:mini, random:FOLDER (with an optional @SEED)
    #[arg(long, value_name = "MODEL")]
    model: String,
    /// A zip file or folder with photos of the concept
    #[arg(long, value_name = "ZIP_OR_DIR")]
    data: PathBuf,
    /// A zip file or folder with images of the class, for prior preservation
    #[arg(long, value_name = "ZIP_OR_DIR")]
    class_data: Option<PathBuf>,
    /// A JSON file: the object under input.train, without data_url
    #[arg(long, value_name = "FILE")]
    params: PathBuf,
    /// Gets model.safetensors, model.ckpt (not of a LoRA), train.html, the report to look at, and train.json, the same in numbers
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Steps between two checkpoints, from which an interrupted training goes on when the same command is given again; absent, so many that writing them costs at most 5 % of the time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    checkpoint_steps: Option<u32>,
    #[command(flatten)]
    fidelity: FidelityArgs,
    #[command(flatten)]
    compute: ComputeArgs,
}

/// Writes the model and its report: [`model_files`]. A training that was interrupted in the same folder goes on.
pub(crate) fn run(args: &TrainArgs) -> Result<(), Failure> {
    let mut params = read_json(&args.params)?;
    if let Some(native) = Native::of(&args.model) {
        native.complete_training(&mut params);
    }
    let settings = TrainSettings::parse_alone(params, "train")?;
    let fidelity = fidelity_models(&args.fidelity)?;
    let compute = compute(&args.compute)?;
    let unfinished = Unfinished::take(&args.out)?;
    let images = images_dir(&args.data, &unfinished.empty("images")?)?;
    let class_images =
        args.class_data.as_deref().map(|data| images_dir(data, &unfinished.empty("class")?)).transpose()?;
    let model = open_model(&args.model)?;
    let class_cache = class_cache();
    let job = TrainingJob {
        base: &model.base,
        settings: &settings,
        images_dir: &images,
        class_images_dir: class_images.as_deref(),
        scratch_dir: unfinished.path(),
        checkpoint_steps: args.checkpoint_steps,
        device: compute.device,
        precision: compute.precision,
        pictures: None,
        class_cache_dir: Some(&class_cache),
        fidelity: Some(&fidelity),
    };
    let interrupt = Interrupt::listen()?;
    let stop = || interrupt.exit_code().map(|_| Leave::Keep);
    let mut progress = Progress::new();
    let mut show = |event| progress.show(&event);
    let files = model_files("model", &settings);
    let train = |occasion: &mut Occasion<'_>| train_to_files(&job, &args.out, &files, occasion, &mut |_| {});
    let trained = by_hand_until(&stop, &mut show, train);
    match (trained, interrupt.exit_code()) {
        (Err(error), Some(exit_code)) if error.is_stopped() => {
            let sentence = "the training was interrupted; the same command again goes on from where it is";
            return Err(Failure::new(sentence).with_exit_code(exit_code));
        }
        (trained, _) => trained?,
    }
    unfinished.finish();
    progress.finish(&closing_line(&files, &args.out));
    Ok(())
}

/// Which files there are now, and which of them to look at.
fn closing_line(files: &TrainOutput<String>, out: &Path) -> String {
    let TrainOutput { checkpoint, safetensors, diffusers, report, report_page } = files;
    let models: Vec<&str> = [safetensors].into_iter().chain(checkpoint).chain(diffusers).map(String::as_str).collect();
    format!("{}, {report} and {report_page} (open it in a browser) are in {}", models.join(", "), out.display())
}

/// The folder itself, or the zip's content in `unpacked`.
fn images_dir(data: &Path, unpacked: &Path) -> Result<PathBuf, Failure> {
    if data.is_dir() {
        return Ok(data.into());
    }
    unzip::unpack(data, unpacked, UnzipLimits::PHOTOS)?;
    Ok(unpacked.into())
}
