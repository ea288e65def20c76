//! Why libtorch could not be provided: one sentence each, with the remedy.

use std::io;
use std::path::{Path, PathBuf};

/// Why libtorch could not be provided.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProvisionError {
    /// There is no ready-made libtorch that fits.
    #[error(
        "libtorch can be fetched for Linux on x86-64 with glibc only; set LIBTORCH to a folder with libtorch 2.11.0 for this \
         platform, or LIBTORCH_USE_PYTORCH=1 to use Python's torch 2.11.0"
    )]
    Platform,
    /// No Python.
    #[error(
        "python3 was not found, and its pip fetches libtorch; install Python 3 with pip (Debian, Ubuntu: apt install \
         python3-pip), or set LIBTORCH to a folder with libtorch 2.11.0"
    )]
    NoPython,
    /// No pip.
    #[error(
        "python3 has no pip, which fetches libtorch; install it (Debian, Ubuntu: apt install python3-pip; elsewhere: python3 \
         -m ensurepip), or set LIBTORCH to a folder with libtorch 2.11.0"
    )]
    NoPip,
    /// pip ended with an error.
    #[error(
        "pip could not download {requirement} ({reason}); check the network connection and pip's settings, then run the command again"
    )]
    Download {
        /// What was asked for.
        requirement: String,
        /// pip's last line.
        reason: String,
    },
    /// A wheel is not the pinned one.
    #[error(
        "{file} has SHA-256 {found}, but must have {expected}; it was damaged on its way or replaced, and was removed: run the \
         command again"
    )]
    WrongWheel {
        /// The wheel's file name.
        file: String,
        /// Its sum.
        found: String,
        /// The pinned sum.
        expected: String,
    },
    /// An unpacked folder is not the pinned one.
    #[error("{path} is not the expected file ({reason}); remove {folder} and run the command again", path = path.display(), folder = folder.display())]
    WrongFile {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong.
        reason: String,
        /// What to remove.
        folder: PathBuf,
    },
    /// A wheel is no zip, or a part is missing in it.
    #[error("{file} cannot be unpacked ({reason}); remove it and run the command again", file = file.display())]
    Wheel {
        /// The wheel.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The disk is too full.
    #[error(
        "{folder} has {free} free, but fetching {what} needs {needed}; make room, or set DREAMBOOTH_CACHE to a \
         folder on a larger disk", folder = folder.display()
    )]
    Disk {
        /// Where the cache lies.
        folder: PathBuf,
        /// What is fetched.
        what: &'static str,
        /// The free space, such as `800 MB`.
        free: String,
        /// The space that the run needs.
        needed: String,
    },
    /// A folder of the user's is not a libtorch 2.11.
    #[error("{name} names {folder}, which {reason}; give a folder with libtorch 2.11.0 (include/ and lib/), or unset {name} to have it fetched", folder = folder.display())]
    NotLibtorch {
        /// The environment variable.
        name: &'static str,
        /// The folder.
        folder: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// `LIBTORCH_USE_PYTORCH` is set, but Python has no torch.
    #[error(
        "LIBTORCH_USE_PYTORCH is set, but python3 cannot import torch ({0}); install torch 2.11.0 for it, or unset LIBTORCH_USE_PYTORCH to have libtorch fetched"
    )]
    NoPythonTorch(String),
    /// Neither a cache folder nor a home is known.
    #[error("HOME is not set; set DREAMBOOTH_CACHE to the folder that shall keep libtorch")]
    NoHome,
    /// `.libtorch` is there, but no link.
    #[error("{} is not a link; move it away, it is the place of the link to libtorch", .0.display())]
    LinkTaken(PathBuf),
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
}

/// Names the failed action and its path: `fs::read(p).map_err(failed("read", p))`.
pub(crate) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ProvisionError {
    let path = path.to_owned();
    move |source| ProvisionError::Io { action, path, source }
}
