//! How a command ends badly: one sentence on standard error, exit code 1, or that of the signal that ended it.

use std::fmt::Display;
use std::process::ExitCode;

/// The sentence, and the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    sentence: String,
    exit_code: u8,
}

impl Failure {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), exit_code: 1 }
    }

    /// The same with another exit code.
    #[cfg(feature = "compute")]
    pub(crate) fn with_exit_code(self, exit_code: u8) -> Self {
        Self { exit_code, ..self }
    }
}

impl<E: Display> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(error.to_string())
    }
}

/// Names what could not be done before the reason.
pub(crate) fn cannot<E: Display>(doing: impl Display) -> impl FnOnce(E) -> Failure {
    move |error| Failure::new(format!("cannot {doing}: {error}"))
}

/// Prints the sentence.
#[allow(clippy::print_stderr, reason = "this is the edge where the program speaks to its user")]
pub(crate) fn complain(failure: &Failure) -> ExitCode {
    eprintln!("error: {}", failure.sentence);
    ExitCode::from(failure.exit_code)
}
