//! Every way to fail, as one sentence for the job's owner, with a stable code and whose fault it is. Addresses appear
//! without query and credentials, those of webhooks without path.

use std::io;
use std::path::{Path, PathBuf};

use protocol::{Blame, Failure, FailureCode};

/// Why bytes did not arrive, or were not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// The address is not one that can be fetched at all.
    #[error("The URL {url} cannot be used: {reason}.")]
    BadUrl {
        /// The address without its query.
        url: String,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// The address, or one it leads to, lies in a private network.
    #[error(
        "The URL {url} leads to {target}, which is not a public address; use a publicly reachable URL (an operator can \
         allow private networks)."
    )]
    PrivateAddress {
        /// The address without its query.
        url: String,
        /// Host and address that were refused.
        target: String,
    },
    /// Too many redirects, or a circle of them.
    #[error("The URL {url} redirects more than {limit} times; use the address at which it ends.")]
    TooManyRedirects {
        /// The address without its query.
        url: String,
        /// The limit.
        limit: usize,
    },
    /// The server answered, but not with the file.
    #[error("The URL {url} was answered with HTTP status {status}; {remedy}.")]
    Status {
        /// The address without its query.
        url: String,
        /// The HTTP status code.
        status: u16,
        /// What to do about it.
        remedy: &'static str,
    },
    /// No answer could be had.
    #[error("The URL {url} could not be reached ({reason}); check the address, or try again later.")]
    Unreachable {
        /// The address without its query.
        url: String,
        /// What the network said.
        reason: String,
    },
    /// The connection broke, again and again.
    #[error(
        "The download of {url} broke off after {bytes} bytes{of} ({reason}); check that the file is complete on its \
         server, or try again later."
    )]
    Cut {
        /// The address without its query.
        url: String,
        /// Bytes received.
        bytes: u64,
        /// ` of N`, or nothing when the length was not declared.
        of: String,
        /// What the network said.
        reason: String,
    },
    /// Nothing came for too long, or all of it took too long.
    #[error("The URL {url} was too slow: {what} took longer than {limit_s} s; host the file on a faster server.")]
    TooSlow {
        /// The address without its query.
        url: String,
        /// The next bytes, the answer, or the whole transfer.
        what: &'static str,
        /// The limit in seconds.
        limit_s: f64,
    },
    /// More bytes than allowed, declared or real.
    #[error("The file at {url} is larger than {limit_bytes} bytes, the most that is accepted here; make it smaller.")]
    TooLarge {
        /// The address without its query.
        url: String,
        /// The limit.
        limit_bytes: u64,
    },
    /// The bytes are not those that the hub announced.
    #[error(
        "The file at {url} arrived damaged (sha256 {found}, expected {expected}); try again, and check the file in the \
         repository."
    )]
    WrongHash {
        /// The address without its query.
        url: String,
        /// Announced sha256, hex.
        expected: String,
        /// Computed sha256, hex.
        found: String,
    },
    /// The disk has no room for it.
    #[error(
        "There is not enough free disk space for {file}: it needs {needed_bytes} bytes and {free_bytes} are free; free \
         some space, or give the service a larger data folder."
    )]
    DiskFull {
        /// File name.
        file: String,
        /// Bytes needed.
        needed_bytes: u64,
        /// Bytes that may be used.
        free_bytes: u64,
    },
    /// A file could not be read or written.
    #[error("Cannot {doing} {}: {source}; {}.", short(path), file_remedy(source))]
    File {
        /// Which file or folder.
        path: PathBuf,
        /// What was tried: `read`, `write`, …
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A file host showed a page about the file, with no way on to the file itself.
    #[error(
        "Google Drive does not give the file at {url} (it says: {said}); share it with everyone who has the link, or put it \
         on another host."
    )]
    NotGiven {
        /// The address without its query.
        url: String,
        /// What the page says.
        said: String,
    },
    /// A download is not the kind of file that its field asks for.
    #[error("{name} is {found}, but must be {expected}.")]
    WrongContent {
        /// The file's name or address.
        name: String,
        /// What it is.
        found: String,
        /// What belongs there, and how to get it.
        expected: &'static str,
        /// The code for this field's content.
        code: FailureCode,
    },
    /// The zip cannot be unpacked.
    #[error("{name} cannot be unpacked: {reason}; {remedy}.")]
    Zip {
        /// The zip's file name.
        name: String,
        /// What is wrong, naming the entry.
        reason: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// The zip holds more than is taken.
    #[error("{name} cannot be unpacked: {reason}; send fewer or smaller images.")]
    ZipTooLarge {
        /// The zip's file name.
        name: String,
        /// Which limit it passes.
        reason: String,
    },
    /// The repository cannot give a model.
    #[error("hf_model {repo} cannot be used: {reason}.")]
    Hub {
        /// `owner/name`.
        repo: String,
        /// What is wrong and what to do, naming `hf_model` or `hf_token`.
        reason: String,
        /// Not found, or found and of no use.
        code: FailureCode,
    },
    /// The address of a webhook is one that can never be asked. It is not repeated: it may be a secret.
    #[error("webhook cannot be used: {reason}.")]
    Webhook {
        /// What is wrong and what would be right.
        reason: String,
    },
    /// The client itself cannot be made.
    #[error("The network client cannot start ({reason}); install the system's root certificates (ca-certificates).")]
    Setup {
        /// What the TLS library said.
        reason: String,
    },
    /// The file with the signing key is not one.
    #[error(
        "{} does not hold a signing key of 64 hex digits; remove it, and a new one is made (links given out so far stop \
         working).", path.display()
    )]
    BadKeyFile {
        /// Which file.
        path: PathBuf,
    },
}

impl TransferError {
    /// True when the same call may well succeed later, so that a retry is worth its time.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504),
            Self::Unreachable { .. } | Self::Cut { .. } | Self::TooSlow { .. } | Self::WrongHash { .. } => true,
            Self::BadUrl { .. }
            | Self::PrivateAddress { .. }
            | Self::TooManyRedirects { .. }
            | Self::TooLarge { .. }
            | Self::DiskFull { .. }
            | Self::File { .. }
            | Self::NotGiven { .. }
            | Self::WrongContent { .. }
            | Self::Zip { .. }
            | Self::ZipTooLarge { .. }
            | Self::Hub { .. }
            | Self::Webhook { .. }
            | Self::Setup { .. }
            | Self::BadKeyFile { .. } => false,
        }
    }

    /// The stable name of this failure.
    pub fn code(&self) -> FailureCode {
        match self {
            Self::BadUrl { .. } | Self::PrivateAddress { .. } | Self::Webhook { .. } => FailureCode::AddressRefused,
            Self::TooManyRedirects { .. }
            | Self::Status { .. }
            | Self::Unreachable { .. }
            | Self::Cut { .. }
            | Self::TooSlow { .. }
            | Self::NotGiven { .. } => FailureCode::DataUnreachable,
            Self::TooLarge { .. } | Self::ZipTooLarge { .. } => FailureCode::DataTooLarge,
            Self::WrongHash { .. } => FailureCode::ModelUnusable,
            Self::WrongContent { code, .. } | Self::Hub { code, .. } => *code,
            Self::Zip { .. } => FailureCode::DataNotAZip,
            Self::DiskFull { .. } => FailureCode::DiskFull,
            Self::File { source, .. } if is_full(source) => FailureCode::DiskFull,
            Self::File { .. } | Self::BadKeyFile { .. } => FailureCode::FileError,
            Self::Setup { .. } => FailureCode::Internal,
        }
    }

    /// True when the fault is this machine's and not that of whoever named the address: another machine, or this one
    /// later, may succeed with the same request.
    pub fn is_machine_fault(&self) -> bool {
        self.code().blame() == Blame::Machine
    }

    /// Wraps what the system said about a file; used as `.map_err(TransferError::file("write", &path))`.
    pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File { path: path.to_owned(), doing, source }
    }
}

impl From<&TransferError> for Failure {
    fn from(error: &TransferError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

/// The last two parts of a path: enough to find the file, and nothing about the rest of the machine.
fn short(path: &Path) -> String {
    let parts: Vec<_> = path.components().rev().take(2).collect();
    parts.into_iter().rev().collect::<PathBuf>().display().to_string()
}

/// What to do about a file error, as it continues "Cannot write model.ckpt: …; …".
fn file_remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        _ if is_full(error) => "free some space on the disk",
        io::ErrorKind::NotFound => "check that it is still there",
        io::ErrorKind::InvalidInput => "only regular files are read and kept",
        _ => "check that the service may read and write its data folder",
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// What to do about an HTTP status, as it continues "was answered with HTTP status N; …".
pub(crate) fn status_remedy(status: u16) -> &'static str {
    match status {
        401 | 403 => "the file is not public: share it with everyone who has the link, or sign the URL for longer",
        404 | 410 => "there is no such file: check the address",
        408 | 425 | 429 | 500..=599 => "its server is busy or broken: try again later",
        300..=399 => "use the address to which it redirects",
        _ => "check that the address gives the file itself in a browser without any login",
    }
}
