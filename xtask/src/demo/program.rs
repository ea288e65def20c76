//! The program under demonstration, built.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::command::{TaskError, cannot_start, cargo, succeed};

/// Builds `dreambooth`; gives the program's path. Not the release: libtorch does the work, and an unoptimised program around it
/// builds in half the time, which the tests then need no more.
///
/// # Errors
/// When cargo cannot build it.
pub fn build(root: &Path) -> Result<PathBuf, TaskError> {
    eprintln!("building the service (the first time takes minutes)");
    succeed(cargo(root)?.args(["build", "--package", "dreambooth"]))?;
    Ok(cargo_target(root)?.join("debug/dreambooth"))
}

/// The target folder that cargo uses, by its own word.
fn cargo_target(root: &Path) -> Result<PathBuf, TaskError> {
    let mut metadata = cargo(root)?;
    metadata.args(["metadata", "--no-deps", "--format-version=1", "--offline"]);
    let answer = metadata.output().map_err(|source| cannot_start(&metadata, source))?;
    let folder = serde_json::from_slice::<Value>(&answer.stdout).ok();
    let folder = folder.and_then(|metadata| metadata["target_directory"].as_str().map(Into::into));
    Ok(folder.unwrap_or_else(|| root.join("target")))
}
