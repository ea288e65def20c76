//! Variables that libraries read before this program's first line runs. A supervisor sets them for its child; a command
//! that computes in its own process starts itself anew with them.

use std::env;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use worker::child_environment::ENVIRONMENT;

/// Returns when the variables are set; until then the process becomes a new one of the same program and arguments.
pub(crate) fn enter() {
    let missing = || ENVIRONMENT.iter().filter(|(name, _)| env::var_os(name).is_none()).copied();
    let (Some(_), Ok(program)) = (missing().next(), env::current_exe()) else { return };
    let error = Command::new(program).args(env::args_os().skip(1)).envs(missing()).exec();
    // Slower, but no less right.
    tracing::debug!(%error, "the program could not start itself anew");
}
