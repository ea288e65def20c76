//! The folder of a run: where everything lies, and whose it is.
//!
//! | name | what |
//! |---|---|
//! | `recipe.json` | what the run was begun with |
//! | `autoencoder.safetensors` | the fine-tuned autoencoder, by diffusers' names |
//! | `start.safetensors` | the whole model before the first step |
//! | `latents/00000.safetensors`, … | the pictures as the UNet sees them |
//! | `state/00001000.safetensors`, … | weights, optimizers, averages after so many steps |
//! | `model.safetensors` | the whole model with averaged weights, as of the last sheet |
//! | `sheets/00001000.png`, … | what it drew |
//! | `log.jsonl` | loss, rate and time of each hundred steps |

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use durable::Access;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{PretrainingError, Result, io};
use crate::recipe::Recipe;

/// The folder of one run.
#[derive(Debug, Clone)]
pub struct RunFolder(PathBuf);

impl RunFolder {
    /// Opens the folder, or makes it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn open(path: &Path) -> Result<Self> {
        let folder = Self(path.to_owned());
        for inner in [path.to_owned(), folder.latents(), folder.states(), folder.sheets()] {
            fs::create_dir_all(&inner).map_err(io("create", &inner))?;
        }
        Ok(folder)
    }

    /// Makes it the folder of `recipe`.
    ///
    /// # Errors
    /// When it is another's already, or cannot be written.
    pub fn claim(&self, recipe: &Recipe) -> Result<()> {
        let path = self.recipe();
        if path.exists() {
            let found: Value = read_json(&path)?;
            let wanted = serde_json::to_value(recipe).unwrap_or_default();
            for (key, wanted) in wanted.as_object().into_iter().flatten().filter(|(key, _)| *key != "steps") {
                let found = found.get(key).cloned().unwrap_or_default();
                if found != *wanted {
                    let (folder, key) = (self.0.clone(), key.clone());
                    let (found, wanted) = (found.to_string(), wanted.to_string());
                    return Err(PretrainingError::OtherRun { folder, key, found, wanted });
                }
            }
        }
        write_json(&path, recipe)
    }

    /// What the run was begun with.
    #[must_use]
    pub fn recipe(&self) -> PathBuf {
        self.0.join("recipe.json")
    }

    /// The fine-tuned autoencoder.
    #[must_use]
    pub fn autoencoder(&self) -> PathBuf {
        self.0.join("autoencoder.safetensors")
    }

    /// The model before the first step.
    #[must_use]
    pub fn start(&self) -> PathBuf {
        self.0.join("start.safetensors")
    }

    /// The model with averaged weights.
    #[must_use]
    pub fn model(&self) -> PathBuf {
        self.0.join("model.safetensors")
    }

    /// The folder of cached latents.
    #[must_use]
    pub fn latents(&self) -> PathBuf {
        self.0.join("latents")
    }

    /// The folder of states.
    #[must_use]
    pub fn states(&self) -> PathBuf {
        self.0.join("state")
    }

    /// The folder of sheets.
    #[must_use]
    pub fn sheets(&self) -> PathBuf {
        self.0.join("sheets")
    }

    /// One JSON object a line.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.0.join("log.jsonl")
    }
}

pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = fs::read(path).map_err(io("read", path))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| PretrainingError::Damaged { path: path.to_owned(), problem: format!("is damaged ({error})") })
}

pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_vec_pretty(value).map_err(std::io::Error::other).map_err(io("write", path))?;
    durable::write(path, Access::Usual, |file| file.write_all(&text)).map_err(io("write", path))
}
