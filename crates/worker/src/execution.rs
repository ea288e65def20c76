//! Train, export, draw. The child and the command line share this code path.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use engine::tch::Device;
use engine::{DeviceChoice, Precision};
use model::{BaseModel, ModelReference};
use protocol::child::{ChildImages, ChildModel, ChildOutput};
use protocol::{Assignment, JobEvent, Stage, TrainParams, Txt2ImgParams};
use training::TrainingJob;
use txt2img::Pipeline;
use txt2img::pipeline::Occasion;

/// Why a job cannot be done; a second attempt would meet the same.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExecutionError {
    /// The model could not be read or written.
    #[error(transparent)]
    Model(#[from] model::ModelError),
    /// The training failed.
    #[error(transparent)]
    Training(#[from] training::TrainingError),
    /// A picture could not be drawn.
    #[error(transparent)]
    Txt2Img(#[from] txt2img::Txt2ImgError),
    /// A file could not be written.
    #[error("{path} could not be written: {source}; is the disk full?")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Shorthand of this module.
pub type Result<T> = std::result::Result<T, ExecutionError>;

/// Where and how to compute.
#[derive(Debug, Clone, Copy)]
pub struct Compute {
    /// The device.
    pub device: Device,
    /// The dtype of activations; master weights are f32 always.
    pub precision: Precision,
}

impl Compute {
    /// Opens a device. Without a choice of precision a GPU computes in bf16, for which it has tensor cores, and a CPU in
    /// f32, which is exact and needs no special instructions.
    ///
    /// # Errors
    /// When the device is not there, or a CPU would have to emulate bf16.
    pub fn open(device: DeviceChoice, precision: Option<Precision>) -> std::result::Result<Self, engine::EngineError> {
        let device = engine::open_device(device)?;
        let precision = Precision::choose(precision, device, engine::processor_capability())?;
        Ok(Self { device, precision })
    }
}

/// Chance and time, handed in.
pub struct Chance<'a> {
    /// Yields any 64-bit number; asked when a seed is -1.
    pub draw_seed: &'a mut dyn FnMut() -> u64,
    /// Local time, `YYYYMMDDhhmmss`.
    pub job_timestamp: String,
}

impl std::fmt::Debug for Chance<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chance").field("job_timestamp", &self.job_timestamp).finish_non_exhaustive()
    }
}

/// Does a whole job: trains if asked, then draws with the exported file, so that a picture can be drawn again, bit by bit,
/// from what the user downloads.
///
/// # Errors
/// The first thing that went wrong, as one sentence.
pub fn execute(
    assignment: &Assignment,
    compute: Compute,
    chance: &mut Chance<'_>,
    observer: &mut dyn FnMut(JobEvent),
) -> Result<ChildOutput> {
    let mut output = ChildOutput::default();
    let mut model: ModelReference = assignment.model.parse()?;
    if let Some(train) = &assignment.train {
        let stem = assignment.job.as_str();
        let base = BaseModel::open(&model)?;
        let files =
            train_to_files(&base, &train.params, &train.images_dir, &assignment.out_dir, stem, compute, observer)?;
        model = ModelReference::File(assignment.out_dir.join(&files.safetensors));
        output.train = Some(files);
    }
    if !assignment.inference.is_empty() {
        observer(JobEvent::Stage { stage: Stage::Inference });
        let pipeline = Pipeline::load(&BaseModel::open(&model)?, compute.device, compute.precision)?;
        for (item, params) in assignment.inference.iter().enumerate() {
            let name = |image: usize| format!("{item}-{image}.png");
            output.inference.push(draw_to_files(
                &pipeline,
                params,
                item,
                &assignment.out_dir,
                &name,
                chance,
                observer,
            )?);
        }
    }
    Ok(output)
}

/// Trains and writes `{stem}.safetensors`, `{stem}.ckpt` and `train.json` into `out_dir`.
///
/// # Errors
/// As [`execute`].
pub fn train_to_files(
    base: &BaseModel,
    params: &TrainParams,
    images_dir: &Path,
    out_dir: &Path,
    stem: &str,
    compute: Compute,
    observer: &mut dyn FnMut(JobEvent),
) -> Result<ChildModel> {
    let job = TrainingJob {
        base,
        params,
        images_dir,
        scratch_dir: out_dir,
        device: compute.device,
        precision: compute.precision,
    };
    let trained = training::train(&job, observer)?;
    observer(JobEvent::Stage { stage: Stage::Export });
    let files = ChildModel {
        checkpoint: format!("{stem}.ckpt"),
        safetensors: format!("{stem}.safetensors"),
        report: "train.json".into(),
    };
    let weights = trained.over(base);
    model::export(&out_dir.join(&files.safetensors), base.config(), &weights)?;
    model::export(&out_dir.join(&files.checkpoint), base.config(), &weights)?;
    let report = serde_json::to_vec_pretty(&trained.report).unwrap_or_default();
    write(&out_dir.join(&files.report), &report)?;
    Ok(files)
}

/// Draws one request's images into `out_dir`, named by `name(index)`.
///
/// # Errors
/// As [`execute`].
pub fn draw_to_files(
    pipeline: &Pipeline,
    params: &Txt2ImgParams,
    item: usize,
    out_dir: &Path,
    name: &dyn Fn(usize) -> String,
    chance: &mut Chance<'_>,
    observer: &mut dyn FnMut(JobEvent),
) -> Result<ChildImages> {
    let mut occasion =
        Occasion { draw_seed: &mut *chance.draw_seed, job_timestamp: chance.job_timestamp.clone(), observer, item };
    let drawing = pipeline.draw(params, &mut occasion)?;
    let mut images = Vec::with_capacity(drawing.pictures.len());
    for (index, picture) in drawing.pictures.iter().enumerate() {
        let file = name(index);
        write(&out_dir.join(&file), &picture.to_png()?)?;
        images.push(file);
    }
    Ok(ChildImages { images, parameters: drawing.parameters, info: drawing.info })
}

/// Writes a whole file and syncs it.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let written = fs::File::create(path).and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.map_err(|source| ExecutionError::Write { path: path.into(), source })
}
