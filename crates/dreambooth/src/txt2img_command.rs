//! `txt2img`: one request by hand.

use std::fs;

use protocol::Txt2ImgParams;
use serde_json::json;
use txt2img::Pipeline;
use worker::execution::{Chance, draw_to_files};

use crate::child::local_timestamp;
use crate::cli::Txt2ImgArgs;
use crate::failure::{Failure, cannot};
use crate::model_argument::{compute, open_model};
use crate::progress::Progress;
use crate::train::read_json;

/// Writes `0.png`, `1.png`, … and `response.json`.
pub(crate) fn run(args: &Txt2ImgArgs) -> Result<(), Failure> {
    let params = Txt2ImgParams::parse_checked(&read_json(&args.request)?, "request")?;
    let compute = compute(&args.compute)?;
    fs::create_dir_all(&args.out).map_err(cannot(format!("make the folder {}", args.out.display())))?;
    let pipeline = Pipeline::load(&open_model(&args.model)?, compute.device, compute.precision)?;
    let mut chance = Chance { draw_seed: &mut rand::random::<u64>, job_timestamp: local_timestamp() };
    let mut progress = Progress::new();
    let name = |index: usize| format!("{index}.png");
    let drawn =
        draw_to_files(&pipeline, &params, 0, &args.out, &name, &mut chance, &mut |event| progress.show(&event))?;
    let response = json!({
        "images": drawn.images,
        "parameters": drawn.parameters,
        "info": drawn.info,
        "passback": params.passback,
    });
    let path = args.out.join("response.json");
    fs::write(&path, serde_json::to_vec_pretty(&response)?).map_err(cannot(format!("write {}", path.display())))?;
    progress.finish(&format!("{} and response.json are in {}", drawn.images.join(", "), args.out.display()));
    Ok(())
}
