//! The files of a training: the model in each form that was asked for, and the report, whose presence says that all of them
//! are there.

use std::cell::RefCell;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};

use model::weights::lora::{Lora, LoraModule, Multipliers, write_lora};
use model::{BaseModel, ExportNotes, ModelReference};
use protocol::{FileContent, MadeFile, NetworkKind, Occasion, Stage, TrainOutput, TrainSettings};
use training::fidelity::Gallery;
use training::painter::Pictures;
use training::{Report, Trained, TrainingError, TrainingJob};

use crate::error::{ExecutionError, Result};
use crate::execute::{Announce, write};
use crate::failure::is_lack_of_memory;
use crate::painter::{StudioPainter, keep_sample};
use crate::zipped_folder::zip_folder;

/// The report of a training: its last file.
const REPORT: &str = "train.json";
/// The report as a page.
const REPORT_PAGE: &str = "train.html";

/// The files of a model that is trained with `settings`; their names begin with `stem`.
pub fn model_files(stem: &str, settings: &TrainSettings) -> TrainOutput<String> {
    let whole = settings.network == NetworkKind::Full;
    TrainOutput {
        checkpoint: whole.then(|| format!("{stem}.ckpt")),
        safetensors: format!("{stem}.safetensors"),
        diffusers: (whole && settings.export_diffusers).then(|| format!("{stem}.diffusers.zip")),
        report: REPORT.into(),
        report_page: REPORT_PAGE.into(),
    }
}

/// The trained model, open to be drawn with: from the file that its owner gets, so that a picture can be drawn again, bit by
/// bit.
///
/// # Errors
/// When the base or the file cannot be read.
pub(crate) fn open_trained(base: &ModelReference, settings: &TrainSettings, file: PathBuf) -> Result<BaseModel> {
    match settings.network {
        NetworkKind::Full => Ok(BaseModel::open(&ModelReference::File(file))?),
        NetworkKind::Lora => {
            let base = BaseModel::open(base)?;
            let lora = Lora::open(&file, base.config())?;
            Ok(base.merged(&lora, Multipliers::both(1.0)))
        }
    }
}

/// Tells of each file, the report last.
pub(crate) fn announce_all(files: &TrainOutput<String>, announce: &mut Announce<'_>) {
    let models = std::iter::once(&files.safetensors).chain(&files.checkpoint).chain(&files.diffusers);
    let models = models.map(|file| (file, FileContent::Model));
    let reports = [&files.report_page, &files.report].map(|file| (file, FileContent::Report));
    for (file, content) in models.chain(reports) {
        announce(MadeFile { file: file.clone(), content });
    }
}

/// Trains, from where an earlier attempt was interrupted if one was, and writes `files` into `out_dir`, the report last;
/// samples in its middle are announced as they are drawn.
///
/// # Errors
/// As [`crate::execute()`].
pub fn train_to_files(
    job: &TrainingJob<'_>,
    out_dir: &Path,
    files: &TrainOutput<String>,
    occasion: &mut Occasion<'_>,
    announce: &mut Announce<'_>,
) -> Result<()> {
    let announce = RefCell::new(announce);
    let keep = |name: &str, content, png: &[u8]| keep_sample(out_dir, &announce, name, content, png);
    let pictures = Pictures { painter: &StudioPainter, keep: &keep };
    let job = &TrainingJob { pictures: Some(pictures), ..*job };
    let mut trained = training::train(job, occasion)?;
    occasion.begin(Stage::Export);
    let began = occasion.now();
    export_all(job, &trained, out_dir, files)?;
    trained.report.exported(occasion.now().saturating_sub(began).as_secs_f64());
    judge(job, &mut trained.report, out_dir, occasion)?;
    write_report(&trained.report, out_dir, files)?;
    // All that was asked for is there; what stays goes with the job.
    drop(training::remove_checkpoints(job.scratch_dir));
    Ok(())
}

/// Lets the sample pictures be judged, if there is anybody. A judge that fails costs a warning: the model is there.
fn judge(job: &TrainingJob<'_>, report: &mut Report, out_dir: &Path, occasion: &mut Occasion<'_>) -> Result<()> {
    let Some(models) = job.fidelity.filter(|models| !models.is_empty()) else { return Ok(()) };
    let began = occasion.now();
    let gallery = Gallery { images_dir: job.images_dir, read_sample: &|sample| fs::read(out_dir.join(sample)).ok() };
    let measure = || training::fidelity::measure(report, models, &gallery, job.device, occasion);
    let fidelity = match catch_unwind(AssertUnwindSafe(measure)) {
        Ok(Ok(fidelity)) => fidelity,
        Ok(Err(TrainingError::Stopped)) => return Err(TrainingError::Stopped.into()),
        Ok(Err(error)) => {
            occasion.warn(format!("How like the concept the sample pictures are could not be measured: {error}"));
            None
        }
        Err(panic) if is_lack_of_memory(panic.as_ref()) => {
            occasion
                .warn("How like the concept the sample pictures are could not be measured: memory is short.".into());
            None
        }
        Err(panic) => resume_unwind(panic),
    };
    report.judged(fidelity, occasion.now().saturating_sub(began).as_secs_f64());
    Ok(())
}

/// The report, as a page and then as data.
fn write_report(report: &Report, out_dir: &Path, files: &TrainOutput<String>) -> Result<()> {
    let page = training::report::page(report, &|sample| fs::read(out_dir.join(sample)).ok());
    write(&out_dir.join(&files.report_page), page.as_bytes())?;
    let data = serde_json::to_vec_pretty(report).unwrap_or_default();
    write(&out_dir.join(&files.report), &data)
}

/// The model in each form that `files` names.
fn export_all(job: &TrainingJob<'_>, trained: &Trained, out_dir: &Path, files: &TrainOutput<String>) -> Result<()> {
    let (config, notes) = (job.base.config(), notes(job));
    if let Some(adapter) = trained.adapter {
        let mut modules = Vec::new();
        for named in trained.text_encoder.iter().chain(&trained.unet) {
            modules.extend(LoraModule::of_adapter(named, adapter.alpha)?);
        }
        write_lora(&out_dir.join(&files.safetensors), config, modules, &notes)?;
        return Ok(());
    }
    let weights = trained.over(job.base);
    for file in std::iter::once(&files.safetensors).chain(&files.checkpoint) {
        model::export(&out_dir.join(file), config, &weights, &notes)?;
    }
    if let Some(file) = &files.diffusers {
        let (folder, zip) = (job.scratch_dir.join("diffusers"), out_dir.join(file));
        model::export_diffusers(&folder, config, &weights, &notes)?;
        zip_folder(&folder, &zip).map_err(|source| ExecutionError::Write { path: zip, source })?;
        // It is in the zip now; what stays goes with the job.
        drop(fs::remove_dir_all(&folder));
    }
    Ok(())
}

/// What the files say of themselves.
fn notes(job: &TrainingJob<'_>) -> ExportNotes {
    let settings = job.settings;
    let several = settings.concepts.iter().map(|concept| concept.name.clone());
    let side = i64::from(if settings.unet_epochs > 0 { settings.unet_resolution } else { settings.text_resolution });
    ExportNotes {
        concepts: settings.concept_name.iter().cloned().chain(several).collect(),
        base_model: Some(job.base.name()),
        settings: serde_json::to_value(settings).ok(),
        resolution: Some((side, side)),
        ema: settings.ema_decay.is_some(),
        ..ExportNotes::default()
    }
}
