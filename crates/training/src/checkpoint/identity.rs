//! To which training a checkpoint belongs, and on what it was computed.

use std::fs::File;
use std::io;
use std::path::Path;

use engine::tch::Device;
use engine::{Precision, device_name, libtorch};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use walkdir::WalkDir;

use crate::error::{Result, TrainingError};
use crate::recipe::Recipe;
use crate::train::TrainingJob;

/// A training is the same when all of this is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// Hash of the settings, of what their profile stands for, and of what the networks compute in.
    settings: String,
    /// The base model's name.
    base_model: String,
    /// Hash of its configuration and weights.
    base_fingerprint: String,
    /// Hash of the names, sizes and contents of the data set's files.
    data: String,
}

impl Identity {
    /// The identity of `job`. Reads the whole data set and a part of the base model.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub(crate) fn of(job: &TrainingJob<'_>, recipe: &Recipe, precision: Precision) -> Result<Self> {
        let settings = serde_json::to_vec(&(job.settings, recipe, precision.to_string())).unwrap_or_default();
        Ok(Self {
            settings: hex::encode(Sha256::digest(settings)),
            base_model: job.base.name(),
            base_fingerprint: job.base.fingerprint()?,
            data: data_hash(std::iter::once(job.images_dir).chain(job.class_images_dir))?,
        })
    }

    /// What `self` is of when that is not the training `now`; `None` when it is the same.
    pub(super) fn differs_from(&self, now: &Self) -> Option<&'static str> {
        if (&self.base_model, &self.base_fingerprint) != (&now.base_model, &now.base_fingerprint) {
            Some("a training of another base model")
        } else if self.data != now.data {
            Some("a training with other images")
        } else {
            (self.settings != now.settings).then_some("a training with other settings")
        }
    }
}

fn data_hash<'a>(folders: impl Iterator<Item = &'a Path>) -> Result<String> {
    let mut hasher = Sha256::new();
    for folder in folders {
        hasher.update(b"folder\n");
        for entry in WalkDir::new(folder).sort_by_file_name() {
            let entry = entry.map_err(|error| unreadable(folder, error.into()))?;
            if entry.file_type().is_file() {
                let name = entry.path().strip_prefix(folder).unwrap_or(entry.path());
                let (hash, bytes) = hash_of(entry.path()).map_err(|source| unreadable(name, source))?;
                hasher.update(format!("{} {bytes} {hash}\n", name.display()));
            }
        }
    }
    Ok(hex::encode(hasher.finalize()))
}

fn hash_of(path: &Path) -> io::Result<(String, u64)> {
    let mut hasher = Sha256::new();
    let bytes = io::copy(&mut File::open(path)?, &mut hasher)?;
    Ok((hex::encode(hasher.finalize()), bytes))
}

fn unreadable(path: &Path, source: io::Error) -> TrainingError {
    TrainingError::Read { path: path.to_owned(), source }
}

/// What the last bits of a training depend on besides its identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// `cpu`, `cuda:0`, …
    device: String,
    /// Threads of one operation.
    threads: i64,
    /// The vector instructions of libtorch's kernels.
    capability: String,
    libtorch: String,
    /// The version of this program.
    program: String,
}

impl Machine {
    /// This process.
    pub(crate) fn here(device: Device) -> Self {
        Self {
            device: device_name(device),
            threads: libtorch::threads(),
            capability: libtorch::cpu_capability(),
            libtorch: libtorch::version(),
            program: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// What is different `now`: `4 threads instead of 2`, …
    pub(super) fn differences(&self, now: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        let mut compare = |what: &str, before: &str, now: &str| {
            if before != now {
                differences.push(format!("{what} {now} instead of {before}"));
            }
        };
        compare("device", &self.device, &now.device);
        compare("threads:", &self.threads.to_string(), &now.threads.to_string());
        compare("vector instructions", &self.capability, &now.capability);
        compare("libtorch", &self.libtorch, &now.libtorch);
        compare("program version", &self.program, &now.program);
        differences
    }
}
