//! How a command ends badly: one sentence on standard error, exit code 1.

use std::fmt::Display;
use std::process::ExitCode;

/// The sentence.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) String);

impl<E: Display> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Names what could not be done before the reason.
pub(crate) fn cannot<E: Display>(doing: impl Display) -> impl FnOnce(E) -> Failure {
    move |error| Failure(format!("cannot {doing}: {error}"))
}

/// Prints the sentence.
#[allow(clippy::print_stderr, reason = "this is the edge where the program speaks to its user")]
pub(crate) fn complain(failure: &Failure) -> ExitCode {
    eprintln!("error: {}", failure.0);
    ExitCode::FAILURE
}
