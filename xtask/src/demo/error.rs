//! Why the demo ended early: one sentence each.

use std::io;
use std::path::PathBuf;

/// Why the demo ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DemoError {
    /// A file operation failed.
    #[error("cannot {action} {path} ({source}); check the permissions and the free space there", path = path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A picture could not be read or written.
    #[error("the picture {name} cannot be read or written ({reason})")]
    Picture {
        /// Its name.
        name: String,
        /// Why.
        reason: String,
    },
    /// There is nothing to train on.
    #[error("{folder} holds nothing; put a folder of photos into it for each subject", folder = folder.display())]
    Nothing {
        /// The folder of subjects.
        folder: PathBuf,
    },
    /// The sample could not be served.
    #[error("no port on 127.0.0.1 is free for the sample pictures ({0}); is the loopback network up?")]
    Port(io::Error),
    /// The service did not come up.
    #[error("the service did not start ({reason}); its log is {log}", log = log.display())]
    Service {
        /// Why.
        reason: String,
        /// Where it says more.
        log: PathBuf,
    },
    /// The service gave an unexpected answer.
    #[error("{request} was answered {answer}; see the service's log in demo-out/service.log")]
    Answer {
        /// Method and path.
        request: String,
        /// Status and body, or the transport's error.
        answer: String,
    },
    /// The job ended without a result.
    #[error("the job ended as {status}: {reason}")]
    Job {
        /// Its state.
        status: String,
        /// What the service says.
        reason: String,
    },
}
