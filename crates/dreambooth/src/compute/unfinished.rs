//! What a training by hand needs until it is finished: a folder below its output, from which it goes on after an interruption.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use durable::create_private_dir;

use crate::failure::{Failure, cannot};

/// The folder's name. Checkpoints lie there.
const FOLDER: &str = "unfinished";

/// The folder, for this process alone. It goes when nothing in it is worth keeping.
#[derive(Debug)]
pub(crate) struct Unfinished {
    dir: PathBuf,
    /// The lock goes with the process, however it ends.
    _lock: File,
}

impl Unfinished {
    /// Takes the folder in `out`, as an interrupted training left it.
    ///
    /// # Errors
    /// When the disk refuses, or another training writes into `out` now.
    pub(crate) fn take(out: &Path) -> Result<Self, Failure> {
        let dir = out.join(FOLDER);
        fs::create_dir_all(out).map_err(cannot(format!("make the folder {}", out.display())))?;
        create_private_dir(&dir).map_err(cannot(format!("make the folder {}", dir.display())))?;
        let lock = File::create(dir.join("lock")).map_err(cannot(format!("write into {}", dir.display())))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { dir, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Failure::new(format!(
                "another training writes into {} now; wait until it has ended, or give another --out",
                out.display()
            ))),
            Err(TryLockError::Error(error)) => Err(cannot(format!("lock {}", dir.display()))(error)),
        }
    }

    /// Where the folder lies.
    pub(crate) fn path(&self) -> &Path {
        &self.dir
    }

    /// A path in it where nothing lies.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn empty(&self, name: &str) -> Result<PathBuf, Failure> {
        let path = self.dir.join(name);
        if path.exists() {
            fs::remove_dir_all(&path).map_err(cannot(format!("remove {}", path.display())))?;
        }
        Ok(path)
    }

    /// All is done.
    pub(crate) fn finish(self) {
        drop(fs::remove_dir_all(&self.dir));
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !training::has_checkpoints(&self.dir) {
            drop(fs::remove_dir_all(&self.dir));
        }
    }
}
