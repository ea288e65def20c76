//! What lies where in the data directory, and that nobody else may look into it: it holds keys, photos and models made of
//! them.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use durable::Access;
use jobs::{Clock, JobStore, MasterKey};
use rustix::fs::Mode;

use crate::failure::{Failure, cannot};

/// A data directory that exists and that its owner alone may enter.
#[derive(Debug, Clone)]
pub(crate) struct DataDir(PathBuf);

/// The rights of everybody but the owner.
const OTHERS: u32 = 0o077;

/// The bit of folders, such as /tmp, in which everybody keeps files: nothing to be closed to all but one.
const STICKY: u32 = 0o1000;

impl DataDir {
    /// Makes the directory if need be, and takes it from others if they may enter it. What this process and its children
    /// write from now on is readable for their user alone, whoever writes it.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        rustix::process::umask(Mode::RWXG | Mode::RWXO);
        refuse_shared(path)?;
        let shown = path.display();
        durable::create_private_dir(path).map_err(cannot(format!("make the data directory {shown}")))?;
        let path = path.canonicalize().map_err(cannot(format!("open the data directory {shown}")))?;
        let mode =
            fs::metadata(&path).map_err(cannot(format!("open the data directory {shown}")))?.permissions().mode();
        if mode & OTHERS != 0 {
            return Err(Failure::new(format!(
                "the data directory {shown} can be read by others and is not this user's to close; let its owner run \
                 chmod 700 on it, or give another --data-dir"
            )));
        }
        Ok(Self(path))
    }

    /// Opens the job database with the master key beside it, making both when they are missing.
    pub(crate) async fn open_store(&self) -> Result<JobStore, Failure> {
        let master_key = MasterKey::load_or_create(&self.join("master.key"))?;
        Ok(JobStore::open(&self.join("jobs.db"), Clock::Database, master_key).await?)
    }

    /// Files of jobs.
    pub(crate) fn artifacts(&self) -> PathBuf {
        self.join("artifacts")
    }

    /// The key that signs the URLs of files.
    pub(crate) fn signing_key(&self) -> PathBuf {
        self.join("signing.key")
    }

    /// A file or folder of this directory.
    pub(crate) fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }

    /// Writes down where the running server listens, for scripts that let it choose a port.
    pub(crate) fn tell_address(&self, url: &str) -> Result<(), Failure> {
        let written = durable::write(&self.join("listening"), Access::Private, |file| file.write_all(url.as_bytes()));
        written.map_err(cannot("write the file listening"))
    }
}

fn refuse_shared(path: &Path) -> Result<(), Failure> {
    let is_shared = fs::metadata(path).is_ok_and(|found| found.permissions().mode() & STICKY != 0);
    if !is_shared {
        return Ok(());
    }
    let shown = path.display();
    Err(Failure::new(format!(
        "the data directory {shown} is a folder for everybody's files; give a folder of its own, such as {shown}/dreambooth"
    )))
}
