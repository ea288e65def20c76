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

/// The lints of every target, and of the program without the tensor engine, which nothing else here builds.
///
/// # Errors
/// When there is a warning.
pub fn clippy(root: &Path) -> Result<(), TaskError> {
    for what in [&["--workspace", "--all-targets"][..], &["--package", "dreambooth", "--no-default-features"]] {
        succeed(cargo(root)?.arg("clippy").args(what).args(["--", "-D", "warnings"]))?;
    }
    Ok(())
}
