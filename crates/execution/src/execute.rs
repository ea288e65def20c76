//! Train, export, draw.

use std::io::Write as _;
use std::path::Path;

use durable::Access;
use model::{BaseModel, ModelReference};
use protocol::{Assignment, FileContent, ImagesOutput, JobOutput, MadeFile, Occasion, Stage, Txt2ImgParams};
use training::TrainingJob;
use txt2img::{Picture, Pipeline};

use crate::compute::Compute;
use crate::error::{ExecutionError, Result};
use crate::painter::announce_samples;
use crate::training_files::{announce_all, model_files, open_trained, train_to_files};
use crate::warm::Warm;

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
    let model: ModelReference = assignment.model.parse()?;
    let mut trained = None;
    if let Some(train) = &assignment.train {
        let files = model_files(assignment.job.as_str(), &train.settings);
        announce_samples(&assignment.out_dir, announce);
        if assignment.out_dir.join(&files.report).is_file() {
            occasion.begin(Stage::Export);
        } else {
            warm.cool();
            let base = BaseModel::open(&model)?;
            let job = TrainingJob {
                base: &base,
                settings: &train.settings,
                images_dir: &train.images_dir,
                class_images_dir: train.class_images_dir.as_deref(),
                scratch_dir: &assignment.scratch_dir,
                checkpoint_steps: train.checkpoint_steps,
                device: compute.device,
                precision: compute.precision,
                pictures: None,
                class_cache_dir: train.class_cache_dir.as_deref(),
                fidelity: Some(&train.fidelity),
            };
            train_to_files(&job, &assignment.out_dir, &files, occasion, announce)?;
        }
        announce_all(&files, announce);
        if !assignment.inference.is_empty() {
            let base = open_trained(&model, &train.settings, assignment.out_dir.join(&files.safetensors))?;
            // The file goes away with the job: nobody can ask for this model again, so it is not kept warm.
            trained = Some(Pipeline::load(&base, compute.device, compute.precision)?);
        }
        output.train = Some(files);
    }
    if !assignment.inference.is_empty() {
        occasion.begin(Stage::Inference);
        let pipeline = match &trained {
            Some(pipeline) => pipeline,
            None => warm.pipeline(&model, compute)?,
        };
        for (item, params) in assignment.inference.iter().enumerate() {
            let target = Target { dir: &assignment.out_dir, name: &|index| format!("{item}-{index}.png") };
            output.inference.push(draw_to_files(pipeline, params, item, &target, occasion, announce)?);
        }
    }
    Ok(output)
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

pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let written = durable::write(path, Access::Usual, |file| file.write_all(bytes));
    written.map_err(|source| ExecutionError::Write { path: path.into(), source })
}
