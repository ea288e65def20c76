//! Programs that a task runs, and what can go wrong with them.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use crate::demo::DemoError;
use crate::provision::error::ProvisionError;

/// Why a task ended: one sentence.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// libtorch is not there.
    #[error(transparent)]
    Provision(#[from] ProvisionError),
    /// The demo failed.
    #[error(transparent)]
    Demo(#[from] DemoError),
    /// A program is not installed or may not be run.
    #[error("cannot run {program} ({source}); is it installed?")]
    Start {
        /// The program.
        program: String,
        /// The system's reason.
        source: io::Error,
    },
    /// A program said no.
    #[error("{program} failed with {status}")]
    Failed {
        /// The program and its arguments.
        program: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// The workspace is not there.
    #[error("the workspace {} is not there any more; run cargo xtask inside a checkout", .0.display())]
    NoWorkspace(PathBuf),
    /// No C++ compiler.
    #[error("no C++ compiler (c++ or g++) was found; install one (Debian, Ubuntu: apt install g++)")]
    NoCompiler,
}

/// The folder with the workspace's `Cargo.toml`.
///
/// # Errors
/// When the checkout has moved since this program was built.
pub fn workspace_root() -> Result<PathBuf, TaskError> {
    let manifest = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    let root = manifest.parent().map(Path::to_owned).unwrap_or_default();
    if root.join("Cargo.toml").exists() { Ok(root) } else { Err(TaskError::NoWorkspace(root)) }
}

/// A cargo command in the workspace. It takes libtorch through `.libtorch` alone, whatever the user's environment named:
/// so commands from here and plain ones share their builds.
///
/// # Errors
/// When there is no C++ compiler, which the builds of torch-sys and SQLite need.
pub fn cargo(root: &Path) -> Result<Command, TaskError> {
    let runs = |compiler: &str| Command::new(compiler).arg("--version").output().is_ok_and(|out| out.status.success());
    if env::var_os("CXX").is_none() && !runs("c++") && !runs("g++") {
        return Err(TaskError::NoCompiler);
    }
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root).env_remove("LIBTORCH").env_remove("LIBTORCH_USE_PYTORCH");
    // Variables of the `cargo run` that started this program; build scripts would see them as changes.
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CARGO_PKG_")) {
        cargo.env_remove(name);
    }
    cargo.env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_MANIFEST_PATH");
    Ok(cargo)
}

/// Runs a program to its end, on this terminal.
///
/// # Errors
/// When it cannot be started or ends with an error.
pub fn succeed(command: &mut Command) -> Result<(), TaskError> {
    let status = command.status().map_err(|source| cannot_start(command, source))?;
    if status.success() { Ok(()) } else { Err(TaskError::Failed { program: name(command), status }) }
}

/// The error of a program that did not start.
pub fn cannot_start(command: &Command, source: io::Error) -> TaskError {
    TaskError::Start { program: command.get_program().to_string_lossy().into_owned(), source }
}

/// A program with its arguments, as a user would type it.
fn name(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
    std::iter::once(program).chain(arguments).collect::<Vec<_>>().join(" ")
}
