//! What a worker keeps in the data directory.

use std::fs::{File, TryLockError};
use std::path::PathBuf;

use crate::data_dir::DataDir;
use crate::failure::{Failure, cannot};

impl DataDir {
    /// The jobs that a worker of this name has in hand.
    pub(crate) fn work(&self, worker: &str) -> PathBuf {
        self.join("work").join(worker)
    }

    /// Models from the Hub.
    pub(crate) fn models(&self) -> PathBuf {
        self.join("models")
    }

    /// Takes a worker's name for this process; the lock goes with the process, however it ends.
    pub(crate) fn lock_worker(&self, worker: &str) -> Result<File, Failure> {
        let plain = !worker.is_empty() && worker.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !plain {
            return Err(Failure::new(format!(
                "--worker-name is {worker:?}, but must be of A-Z, a-z, 0-9, '-' and '_'"
            )));
        }
        let path = self.join(format!("worker-{worker}.lock"));
        let file = File::create(&path).map_err(cannot(format!("open {}", path.display())))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(Failure::new(format!(
                "a worker named {worker} already runs on {}; give this one another --worker-name",
                self.join("").display()
            ))),
            Err(TryLockError::Error(error)) => Err(cannot(format!("lock {}", path.display()))(error)),
        }
    }
}
