//! A checkpoint is written: room first, then the state, then what else there is, the manifest last.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use durable::{Access, create_private_dir, part_beside};
use engine::Precision;
use model::ModelError;
use model::weights::named_tensors::{self, Written};
use protocol::Stage;
use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

use super::identity::{Identity, Machine};
use super::manifest::{Content, HISTORY, History, MANIFEST, Manifest, STATE, TEXT_ENCODER, VERSION};
use super::reading::places;
use crate::error::TrainingError;
use crate::parked::Parked;
use crate::recipe::Recipe;
use crate::stage::StageState;
use crate::train::TrainingJob;

/// Checkpoints that are kept while another is written: with that one there are two.
const KEPT_WHILE_WRITING: usize = 1;
/// How fast a checkpoint is taken to be written before one was, in bytes a second: a slow disk, and SHA-256 without
/// instructions for it.
const FIRST_GUESS_BYTES_PER_S: f64 = 250e6;

/// The checkpoints of one training.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    pub(super) folder: PathBuf,
    pub(super) identity: Identity,
    pub(super) machine: Machine,
    /// Steps between two of them, when that is fixed.
    pub(super) interval: Option<u64>,
    /// What the text stage left, once the UNet stage runs.
    pub(super) text_encoder: Option<(PathBuf, Written)>,
    /// Folders of those that do not fit the networks.
    pub(super) unfit: Vec<PathBuf>,
    bytes_per_s: f64,
    /// Whether the owner was told that they cannot be written.
    pub(super) complained: bool,
}

/// Why a checkpoint was not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{bytes} bytes have no room there: {source}")]
    NoRoom { bytes: u64, source: io::Error },
    #[error("{0}")]
    Model(#[from] ModelError),
    #[error("{0}")]
    Training(#[from] TrainingError),
}

impl Checkpoints {
    /// Those of `job`; nothing is written yet.
    ///
    /// # Errors
    /// When the data set or the base model cannot be read.
    pub(crate) fn of(job: &TrainingJob<'_>, recipe: &Recipe, precision: Precision) -> Result<Self, TrainingError> {
        Parked::remove_leftovers(job.scratch_dir);
        Ok(Self {
            folder: super::folder(job.scratch_dir),
            identity: Identity::of(job, recipe, precision)?,
            machine: Machine::here(job.device),
            interval: job.checkpoint_steps.map(u64::from),
            text_encoder: None,
            unfit: Vec::new(),
            bytes_per_s: FIRST_GUESS_BYTES_PER_S,
            complained: false,
        })
    }

    /// From now on each checkpoint holds what the text stage left.
    pub(crate) fn keep_text_encoder(&mut self, parked: &Parked) {
        self.text_encoder = Some((parked.path().to_owned(), parked.written().clone()));
    }

    pub(super) fn has_text_encoder(&self) -> bool {
        self.text_encoder.is_some()
    }

    /// How long it takes to write `bytes`.
    pub(super) fn cost(&self, bytes: u64) -> Duration {
        Duration::from_secs_f64(bytes as f64 / self.bytes_per_s)
    }

    /// Learns from what was written how long it takes.
    pub(super) fn learn(&mut self, bytes: u64, took: Duration) {
        if !took.is_zero() {
            self.bytes_per_s = bytes as f64 / took.as_secs_f64();
        }
    }

    /// Writes one; without a `state` it stands for the beginning of its stage. The oldest of two makes room beforehand.
    /// Afterwards there is a whole one more, or, after an error, nothing of it.
    pub(super) fn write(
        &self,
        stage: Stage,
        step: u64,
        state: Option<&StageState>,
        history: &History,
    ) -> Result<(), WriteError> {
        create_private_dir(&self.folder)?;
        let dir = self.folder.join(Manifest::folder_name(stage, step));
        remove(&dir)?;
        for (_, old) in places(&self.folder).into_iter().skip(KEPT_WHILE_WRITING) {
            remove(&old)?;
        }
        let written = create_private_dir(&dir).map_err(WriteError::from);
        let written = written.and_then(|()| self.fill(&dir, stage, step, state, history));
        if written.is_err() {
            drop(fs::remove_dir_all(&dir));
        }
        written
    }

    fn fill(
        &self,
        dir: &Path,
        stage: Stage,
        step: u64,
        state: Option<&StageState>,
        history: &History,
    ) -> Result<(), WriteError> {
        let mut files = Vec::new();
        if let Some(state) = state {
            files.push(Content::new(STATE, &write_state(&dir.join(STATE), state)?));
        }
        if let Some((parked, written)) = &self.text_encoder {
            keep(parked, &dir.join(TEXT_ENCODER))?;
            files.push(Content::new(TEXT_ENCODER, written));
        }
        let path = dir.join(HISTORY);
        write_json(&path, history)?;
        files.push(Content::of(HISTORY, &path)?);
        let (identity, machine) = (self.identity.clone(), self.machine.clone());
        write_json(&dir.join(MANIFEST), &Manifest { version: VERSION, stage, step, files, identity, machine })?;
        Ok(())
    }
}

/// Room is taken before anything is written: a disk that is too full says so at once.
fn write_state(path: &Path, state: &StageState) -> Result<Written, WriteError> {
    let (tensors, texts) = (state.state(), BTreeMap::new());
    let bytes = named_tensors::length(path, &tensors, &texts)?;
    let mut part = part_beside(path, Access::Private)?;
    match fallocate(part.as_file(), FallocateFlags::KEEP_SIZE, 0, bytes) {
        // A file system that cannot reserve says at the end what it lacks.
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {}
        Err(error) => return Err(WriteError::NoRoom { bytes, source: error.into() }),
    }
    let written = named_tensors::write(part.as_file_mut(), path, &tensors, &texts)?;
    durable::keep(part, path)?;
    Ok(written)
}

/// Another name of the file, or where that cannot be a copy.
fn keep(file: &Path, target: &Path) -> io::Result<()> {
    match durable::write_linked(target, |path| fs::hard_link(file, path)) {
        Ok(()) => Ok(()),
        Err(_) => durable::write_from(target, Access::Private, &mut fs::File::open(file)?).map(|_| ()),
    }
}

fn write_json(path: &Path, value: &impl serde::Serialize) -> io::Result<()> {
    let text = serde_json::to_vec(value)?;
    durable::write(path, Access::Private, |file| file.write_all(&text))
}

pub(super) fn remove(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
