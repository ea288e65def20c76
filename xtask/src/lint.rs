//! `lint`: format and lints, warnings being errors.

use std::path::Path;

use crate::command::{TaskError, cargo, succeed};

/// The format; needs no libtorch.
///
/// # Errors
/// When a file is formatted otherwise.
pub fn format(root: &Path) -> Result<(), TaskError> {
    succeed(cargo(root)?.args(["fmt", "--all", "--check"]))
}

/// The lints of every target.
///
/// # Errors
/// When there is a warning.
pub fn clippy(root: &Path) -> Result<(), TaskError> {
    succeed(cargo(root)?.args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}
