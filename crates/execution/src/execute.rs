//! Train, export, draw.

use std::io::Write as _;
use std::path::Path;

use durable::Access;
use model::{BaseModel, ModelReference};
use protocol::{
    Assignment, FileContent, ImagesOutput, JobOutput, MadeFile, Occasion, Stage, TrainOutput, Txt2ImgParams,
};
use training::TrainingJob;
use txt2img::{Picture, Pipeline};

use crate::compute::Compute;
use crate::error::{ExecutionError, Result};
use crate::warm::Warm;

/// The report of a training: its last file. Where it is, the others are.
const REPORT: &str = "train.json";

/// Told of each file once it is whole and on the disk.
pub type Announce<'a> = dyn FnMut(MadeFile) + 'a;

/// Does a whole job: trains if asked, then draws with the exported file, so that a picture can be drawn again, bit by bit,
/// from what the user downloads. A training that an earlier attempt finished in `out_dir` is not done again.
///
/// # Errors
/// The first thing that went wrong, as one sentence; [`ExecutionError::is_stopped`] when the occasion said to leave.
pub fn execute(
    assignment: &Assignment,
    compute: Compute,
    occasion: &mut Occasion<'_>,
    warm: &mut Warm,
    announce: &mut Announce<'_>,
) -> Result<JobOutput<String>> {
    let mut output = JobOutput::default();
    let mut model: ModelReference = assignment.model.parse()?;
    if let Some(train) = &assignment.train {
        let files = model_files(assignment.job.as_str());
        if assignment.out_dir.join(&files.report).is_file() {
            occasion.begin(Stage::Export);
        } else {
            warm.cool();
            let base = BaseModel::open(&model)?;
            let job = TrainingJob {
                base: &base,
                settings: &train.settings,
                images_dir: &train.images_dir,
                scratch_dir: &assignment.scratch_dir,
                device: compute.device,
                precision: compute.precision,
            };
            train_to_files(&job, &assignment.out_dir, &files, occasion)?;
        }
        for (file, content) in [
            (&files.safetensors, FileContent::Model),
            (&files.checkpoint, FileContent::Model),
            (&files.report, FileContent::Report),
        ] {
            announce(MadeFile { file: file.clone(), content });
        }
        model = ModelReference::File(assignment.out_dir.join(&files.safetensors));
        output.train = Some(files);
    }
    if !assignment.inference.is_empty() {
        occasion.begin(Stage::Inference);
        let pipeline = warm.pipeline(&model, compute)?;
        for (item, params) in assignment.inference.iter().enumerate() {
            let target = Target { dir: &assignment.out_dir, name: &|index| format!("{item}-{index}.png") };
            output.inference.push(draw_to_files(pipeline, params, item, &target, occasion, announce)?);
        }
        if assignment.train.is_some() {
            // The file goes away with the job: nobody can ask for this model again.
            warm.cool();
        }
    }
    Ok(output)
}

/// The files of a trained model whose names begin with `stem`.
pub fn model_files(stem: &str) -> TrainOutput<String> {
    TrainOutput {
        checkpoint: format!("{stem}.ckpt"),
        safetensors: format!("{stem}.safetensors"),
        report: REPORT.into(),
    }
}

/// Trains and writes `files` into `out_dir`, the report last.
///
/// # Errors
/// As [`execute`].
pub fn train_to_files(
    job: &TrainingJob<'_>,
    out_dir: &Path,
    files: &TrainOutput<String>,
    occasion: &mut Occasion<'_>,
) -> Result<()> {
    let trained = training::train(job, occasion)?;
    occasion.begin(Stage::Export);
    let weights = trained.over(job.base);
    model::export(&out_dir.join(&files.safetensors), job.base.config(), &weights)?;
    model::export(&out_dir.join(&files.checkpoint), job.base.config(), &weights)?;
    let report = serde_json::to_vec_pretty(&trained.report).unwrap_or_default();
    write(&out_dir.join(&files.report), &report)
}

/// Where pictures go.
pub struct Target<'a> {
    /// The folder.
    pub dir: &'a Path,
    /// The name of the picture with this index.
    pub name: &'a dyn Fn(usize) -> String,
}

impl std::fmt::Debug for Target<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target").field("dir", &self.dir).finish_non_exhaustive()
    }
}

/// Draws the images of the request at `item` of `input.inference`, each written and announced as soon as it is finished.
///
/// # Errors
/// As [`execute`].
pub fn draw_to_files(
    pipeline: &Pipeline,
    params: &Txt2ImgParams,
    item: usize,
    target: &Target<'_>,
    occasion: &mut Occasion<'_>,
    announce: &mut Announce<'_>,
) -> Result<ImagesOutput<String>> {
    let mut images = Vec::new();
    let keep = |index, picture: Picture| {
        let file = (target.name)(index);
        write(&target.dir.join(&file), &picture.to_png()?)?;
        announce(MadeFile { file: file.clone(), content: FileContent::Image { item, index, seed: picture.seed } });
        images.push(file);
        Ok::<(), ExecutionError>(())
    };
    let drawing = pipeline.draw(params, item, occasion, keep)?;
    Ok(ImagesOutput { images, parameters: drawing.parameters, info: drawing.info, passback: params.passback.clone() })
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let written = durable::write(path, Access::Usual, |file| file.write_all(bytes));
    written.map_err(|source| ExecutionError::Write { path: path.into(), source })
}
