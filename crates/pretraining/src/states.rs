//! The state of a run, from which it goes on to the bit.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use engine::EngineError;
use engine::tch::TchError;
use model::weights::named_tensors::NamedTensorFile;
use training::stage::{Position, StageState};

use crate::error::{Result, io};
use crate::recipe::Recipe;
use crate::tensors;

/// States that are kept; beside them the one where the rate begins to fall, from which the run may be lengthened.
const KEPT: usize = 2;
/// How many steps the whole run had when the state was written.
const STEPS: &str = "steps";

/// The folder of states.
#[derive(Debug)]
pub struct States {
    folder: PathBuf,
    recipe: Recipe,
}

impl States {
    /// Those of `recipe` in `folder`.
    #[must_use]
    pub fn new(folder: PathBuf, recipe: Recipe) -> Self {
        Self { folder, recipe }
    }

    /// Writes the state, and removes those that are needed no more.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep(&self, state: &StageState) -> Result<()> {
        let path = self.path(state.position().step);
        let texts = BTreeMap::from([(STEPS.to_owned(), self.recipe.steps.to_string())]);
        tensors::write(&path, &state.state(), &texts)?;
        let begin = self.recipe.decay_begins();
        let old = self.all()?.into_iter().rev().skip(KEPT).filter(|(step, _)| *step != begin);
        for (_, path) in old {
            fs::remove_file(&path).map_err(io("remove", &path))?;
        }
        Ok(())
    }

    /// Puts the newest state that is one of this run into `state`; gives its step, or nothing when there is none.
    ///
    /// # Errors
    /// When it is damaged or does not fit.
    pub fn resume(&self, state: &mut StageState) -> Result<Option<u64>> {
        for (step, path) in self.all()?.into_iter().rev() {
            let file = NamedTensorFile::open(&path)?;
            let steps = file.metadata().get(STEPS).and_then(|steps| steps.parse().ok()).unwrap_or(0);
            if !self.recipe.goes_on_from(step, steps) {
                continue;
            }
            let mut unreadable = None;
            let mut read = |name: &str| {
                file.tensor(name).map_err(|error| {
                    unreadable = Some(error);
                    EngineError::Tensor(TchError::FileFormat(name.to_owned()))
                })
            };
            let loaded = state.load(Position { step }, &mut read);
            return match unreadable {
                Some(error) => Err(error.into()),
                None => loaded.map(|()| Some(step)).map_err(Into::into),
            };
        }
        Ok(None)
    }

    /// All states by their step, the first one first.
    fn all(&self) -> Result<BTreeMap<u64, PathBuf>> {
        let entries = fs::read_dir(&self.folder).map_err(io("read", &self.folder))?;
        let state =
            |path: PathBuf| Some((path.file_name()?.to_str()?.strip_suffix(".safetensors")?.parse().ok()?, path));
        Ok(entries.flatten().filter_map(|entry| state(entry.path())).collect())
    }

    fn path(&self, step: u64) -> PathBuf {
        self.folder.join(format!("{step:08}.safetensors"))
    }
}
