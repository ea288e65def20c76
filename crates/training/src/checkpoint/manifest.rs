//! What lies in a checkpoint: the manifest names its files with their hashes and is written last.

use std::path::Path;

use model::weights::named_tensors::{Written, sha256_of};
use protocol::Stage;
use serde::{Deserialize, Serialize};

use super::identity::{Identity, Machine};
use crate::error::Result;
use crate::report::StageReport;

pub(super) const MANIFEST: &str = "manifest.json";
pub(super) const STATE: &str = "state.safetensors";
pub(super) const TEXT_ENCODER: &str = "text_encoder.safetensors";
pub(super) const HISTORY: &str = "history.json";

/// Counted up when checkpoints of old could not be read any more.
pub(super) const VERSION: u32 = 1;

/// What a checkpoint says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) version: u32,
    pub(super) stage: Stage,
    /// Steps of the stage that are done.
    pub(super) step: u64,
    pub(super) files: Vec<Content>,
    pub(super) identity: Identity,
    pub(super) machine: Machine,
}

/// One file of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Content {
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

/// What happened until a checkpoint was written, for the report.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct History {
    /// The stages so far; the last one may not have ended.
    pub(crate) stages: Vec<StageReport>,
    /// How long it took, in seconds.
    pub(crate) seconds: f64,
    /// How often it went on from a checkpoint.
    pub(crate) resumed: u32,
}

impl Content {
    pub(super) fn new(name: &str, written: &Written) -> Self {
        Self { name: name.to_owned(), bytes: written.bytes, sha256: written.sha256.clone() }
    }

    /// What lies at `path` now.
    pub(super) fn of(name: &str, path: &Path) -> Result<Self> {
        let bytes = path.metadata().map_or(0, |found| found.len());
        Ok(Self { name: name.to_owned(), bytes, sha256: sha256_of(path)? })
    }

    /// Whether the file in `dir` is still what it was; else what is wrong with it.
    pub(super) fn check(&self, dir: &Path) -> std::result::Result<(), String> {
        let path = dir.join(&self.name);
        let name = &self.name;
        match path.metadata() {
            Err(error) => return Err(format!("{name} cannot be read: {error}")),
            Ok(found) if found.len() != self.bytes => {
                return Err(format!("{name} has {} bytes instead of {}", found.len(), self.bytes));
            }
            Ok(_) => {}
        }
        match sha256_of(&path) {
            Ok(sha256) if sha256 == self.sha256 => Ok(()),
            Ok(_) => Err(format!("{name} was changed or damaged")),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Manifest {
    /// The name of the checkpoint's folder.
    pub(super) fn folder_name(stage: Stage, step: u64) -> String {
        format!("{stage}-{step}")
    }

    pub(super) fn has(&self, file: &str) -> bool {
        self.files.iter().any(|content| content.name == file)
    }
}
