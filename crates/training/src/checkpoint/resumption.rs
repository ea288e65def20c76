//! A training goes on from a checkpoint.

use std::path::{Path, PathBuf};

use engine::tch::{TchError, Tensor};
use engine::{EngineError, Parameter};
use model::ModelError;
use model::weights::named_tensors::NamedTensorFile;
use protocol::{Occasion, Stage};

use super::identity::Machine;
use super::manifest::{History, Manifest, STATE, TEXT_ENCODER};
use crate::error::{Result, TrainingError};
use crate::stage::{Position, StageState};

/// Yields a tensor by its name.
type Read<'a> = dyn FnMut(&str) -> std::result::Result<Tensor, EngineError> + 'a;

/// A whole checkpoint of this training.
#[derive(Debug)]
pub(crate) struct Resumption {
    dir: PathBuf,
    manifest: Manifest,
    history: History,
}

impl Resumption {
    pub(super) fn new(dir: PathBuf, manifest: Manifest, history: History) -> Self {
        Self { dir, manifest, history }
    }

    /// Tells the owner from where the training goes on, and what may change its last bits on this machine.
    pub(super) fn announce(&self, here: &Machine, occasion: &mut Occasion<'_>) {
        let (stage, step) = (self.manifest.stage, self.manifest.step);
        occasion.note(format!("The training was interrupted; it goes on after step {step} of the {stage} stage."));
        let differences = self.manifest.machine.differences(here);
        if !differences.is_empty() {
            let differences = differences.join(", ");
            occasion.warn(format!(
                "The training goes on with {differences}; its last bits may differ from those of an uninterrupted one."
            ));
        }
    }

    /// What happened before, with this resumption counted; the interrupted stage is the last, if it has had a step.
    pub(crate) fn history(&self) -> History {
        History { resumed: self.history.resumed + 1, ..self.history.clone() }
    }

    /// The checkpoint's folder.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The checkpoint's name.
    pub(super) fn name(&self) -> String {
        Manifest::folder_name(self.manifest.stage, self.manifest.step)
    }

    /// Whether the text stage had ended.
    pub(crate) fn has_text_encoder(&self) -> bool {
        self.manifest.has(TEXT_ENCODER)
    }

    /// Puts `parameters` where the text stage left them.
    ///
    /// # Errors
    /// As [`Self::put_back`].
    pub(crate) fn put_back_text_encoder(&self, parameters: &[Parameter]) -> Result<()> {
        self.load_from(TEXT_ENCODER, |read| {
            parameters.iter().try_for_each(|parameter| Ok(parameter.load(&read(parameter.name())?)?))
        })
    }

    /// The step of `stage` that the checkpoint was written at, if it is of that stage.
    pub(crate) fn step_of(&self, stage: Stage) -> Option<u64> {
        (stage == self.manifest.stage).then_some(self.manifest.step)
    }

    /// Puts `state` where the checkpoint was, if that is of `stage`.
    ///
    /// # Errors
    /// [`TrainingError::UnfitCheckpoint`] when a tensor is missing or of another shape; after any error the state is not to be
    /// used.
    pub(crate) fn put_back(&self, stage: Stage, state: &mut StageState) -> Result<()> {
        if self.step_of(stage).is_none() || !self.manifest.has(STATE) {
            return Ok(());
        }
        self.load_from(STATE, |read| state.load(Position { step: self.manifest.step }, read))
    }

    /// Lets `load` read tensors of a file by their names. A file of other tensors is told from one that cannot be read: the disk
    /// or the memory may be better another time, but that file will never fit.
    fn load_from(&self, name: &str, load: impl FnOnce(&mut Read<'_>) -> Result<()>) -> Result<()> {
        let unfit = |why: String| TrainingError::UnfitCheckpoint { reason: format!("{name}: {why}") };
        let file = match NamedTensorFile::open(&self.dir.join(name)) {
            Err(error @ ModelError::Format { .. }) => return Err(unfit(error.to_string())),
            opened => opened?,
        };
        let mut failed = None;
        let mut read = |tensor: &str| {
            file.tensor(tensor).map_err(|error| {
                let is_there = file.shape(tensor).is_some();
                failed = Some(if is_there { error.into() } else { unfit(format!("there is no tensor {tensor}")) });
                EngineError::Tensor(TchError::FileFormat(tensor.to_owned()))
            })
        };
        let loaded = load(&mut read).map_err(|error| match error {
            TrainingError::Engine(error @ EngineError::UnfitState { .. }) => unfit(error.to_string()),
            other => other,
        });
        failed.map_or(loaded, Err)
    }
}
