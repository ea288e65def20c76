//! `txt2img`: one request by hand.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use durable::Access;
use execution::{Target, draw_to_files};
use protocol::Txt2ImgParams;
use protocol::native::Native;
use txt2img::Pipeline;

use super::by_hand::{by_hand, read_json};
use super::model_argument::{compute, open_model};
use super::progress::Progress;
use crate::cli::ComputeArgs;
use crate::failure::{Failure, cannot};

#[derive(Debug, Args)]
pub(crate) struct Txt2ImgArgs {
    /// The model, in any form that train takes
    #[arg(long, value_name = "MODEL")]
    model: String,
    /// A JSON file: one object of input.inference
    #[arg(long, value_name = "FILE")]
    request: PathBuf,
    /// Gets 0.png, 1.png, … and response.json
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    compute: ComputeArgs,
}

/// Writes `0.png`, `1.png`, … and `response.json`.
pub(crate) fn run(args: &Txt2ImgArgs) -> Result<(), Failure> {
    let mut request = read_json(&args.request)?;
    if let Some(native) = Native::of(&args.model) {
        native.complete_item(&mut request);
    }
    let params = Txt2ImgParams::parse_item(request, "request")?;
    let compute = compute(&args.compute)?;
    fs::create_dir_all(&args.out).map_err(cannot(format!("make the folder {}", args.out.display())))?;
    let pipeline = Pipeline::load(&open_model(&args.model)?.base, compute.device, compute.precision)?;
    let mut progress = Progress::new();
    let mut show = |event| progress.show(&event);
    let target = Target { dir: &args.out, name: &|index| format!("{index}.png") };
    let drawn = by_hand(&mut show, |occasion| draw_to_files(&pipeline, &params, 0, &target, occasion, &mut |_| {}))?;
    let (path, response) = (args.out.join("response.json"), serde_json::to_vec_pretty(&drawn)?);
    durable::write(&path, Access::Usual, |file| file.write_all(&response))
        .map_err(cannot(format!("write {}", path.display())))?;
    progress.finish(&format!("{} and response.json are in {}", drawn.images.join(", "), args.out.display()));
    Ok(())
}
