//! `goldens`: records what the Python references compute; see tools/goldens/README.md.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use crate::command::{TaskError, succeed};

/// Makes the virtual environment `.goldens-venv` (Python 3.11, for which the requirements are pinned), fills it and runs the
/// recorder.
///
/// # Errors
/// When Python, pip or the recorder fails.
pub fn record(root: &Path, arguments: &[OsString]) -> Result<(), TaskError> {
    let venv = root.join(".goldens-venv");
    let tools = root.join("tools/goldens");
    if !venv.join("bin/pip").exists() {
        let has_pinned = Command::new("python3.11").arg("--version").output().is_ok_and(|out| out.status.success());
        let python = if has_pinned { "python3.11" } else { "python3" };
        succeed(Command::new(python).args(["-m", "venv"]).arg(&venv))?;
    }
    let pip = venv.join("bin/pip");
    succeed(Command::new(&pip).args(["install", "-r"]).arg(tools.join("requirements.txt")))?;
    let no_deps = tools.join("requirements-no-deps.txt");
    succeed(Command::new(&pip).args(["install", "--no-deps", "-r"]).arg(no_deps))?;
    let mut recorder = Command::new(venv.join("bin/python"));
    succeed(recorder.arg(tools.join("record.py")).args(arguments).current_dir(root))
}
