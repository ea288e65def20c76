//! A training goes on from a checkpoint.

use std::path::PathBuf;

use engine::EngineError;
use engine::tch::TchError;
use model::weights::named_tensors::NamedTensorFile;
use protocol::{Occasion, Stage};

use super::identity::Machine;
use super::manifest::{History, Manifest, STATE, TEXT_ENCODER};
use crate::error::Result;
use crate::stage::{Position, StageState};

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

    /// What the text stage left, if it had ended.
    pub(crate) fn text_encoder(&self) -> Result<Option<NamedTensorFile>> {
        let file = self.manifest.has(TEXT_ENCODER).then(|| NamedTensorFile::open(&self.dir.join(TEXT_ENCODER)));
        Ok(file.transpose()?)
    }

    /// The step of `stage` that the checkpoint was written at, if it is of that stage.
    pub(crate) fn step_of(&self, stage: Stage) -> Option<u64> {
        (stage == self.manifest.stage).then_some(self.manifest.step)
    }

    /// Puts `state` where the checkpoint was, if that is of `stage`.
    ///
    /// # Errors
    /// When a tensor is missing or of another shape; then the state is not to be used.
    pub(crate) fn put_back(&self, stage: Stage, state: &mut StageState) -> Result<()> {
        if self.step_of(stage).is_none() || !self.manifest.has(STATE) {
            return Ok(());
        }
        let file = NamedTensorFile::open(&self.dir.join(STATE))?;
        let mut failed = None;
        let mut read = |name: &str| {
            file.tensor(name).map_err(|error| {
                failed = Some(error);
                EngineError::Tensor(TchError::FileFormat(name.to_owned()))
            })
        };
        let loaded = state.load(Position { step: self.manifest.step }, &mut read);
        failed.map_or(loaded, |error| Err(error.into()))
    }
}
