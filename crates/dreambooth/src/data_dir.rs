//! What lies where in the data directory.

use std::fs;
#[cfg(feature = "compute")]
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use crate::failure::{Failure, cannot};

/// A data directory that exists.
#[derive(Debug, Clone)]
pub(crate) struct DataDir(PathBuf);

impl DataDir {
    /// Makes the directory if need be.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        fs::create_dir_all(path).map_err(cannot(format!("make the data directory {}", path.display())))?;
        let path = path.canonicalize().map_err(cannot(format!("open the data directory {}", path.display())))?;
        Ok(Self(path))
    }

    /// The job database.
    pub(crate) fn jobs(&self) -> PathBuf {
        self.0.join("jobs.db")
    }

    /// Finished files.
    pub(crate) fn artifacts(&self) -> PathBuf {
        self.0.join("artifacts")
    }

    /// The key that signs the URLs of files.
    pub(crate) fn signing_key(&self) -> PathBuf {
        self.0.join("signing.key")
    }

    /// Attempts in progress.
    #[cfg(feature = "compute")]
    pub(crate) fn work(&self, worker: &str) -> PathBuf {
        self.0.join("work").join(worker)
    }

    /// Models from the Hub.
    #[cfg(feature = "compute")]
    pub(crate) fn models(&self) -> PathBuf {
        self.0.join("models")
    }

    /// Says where the running server listens.
    pub(crate) fn listening(&self) -> PathBuf {
        self.0.join("listening")
    }

    /// Takes a worker's name for this process; the lock goes with the process, however it ends.
    #[cfg(feature = "compute")]
    pub(crate) fn lock_worker(&self, worker: &str) -> Result<File, Failure> {
        let plain = !worker.is_empty() && worker.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !plain {
            return Err(Failure(format!("--worker-name is {worker:?}, but must be of A-Z, a-z, 0-9, '-' and '_'")));
        }
        let path = self.0.join(format!("worker-{worker}.lock"));
        let file = File::create(&path).map_err(cannot(format!("open {}", path.display())))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(Failure(format!(
                "a worker named {worker} already runs on {}; give this one another --worker-name",
                self.0.display()
            ))),
            Err(TryLockError::Error(error)) => Err(cannot(format!("lock {}", path.display()))(error)),
        }
    }
}
