//! The folders of jobs: `{work dir}/{job}/` with `inputs/`, `out/`, `scratch/` and, when the child is done, `done.json`. A
//! job's folder outlives its attempts, so that the next one goes on from it; it goes when the job has ended.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use durable::{Access, PART_EXTENSION, create_private_dir};
use protocol::{JobId, JobOutput};

/// All folders of one worker. They are private: photos of people lie in them.
#[derive(Debug, Clone)]
pub struct WorkDir {
    root: PathBuf,
}

impl WorkDir {
    /// The folder `root`, which need not be there yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder of a job: made, or found as the last attempt left it.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn job(&self, job: &JobId) -> io::Result<JobDir> {
        let dir = JobDir { root: self.root.join(job.as_str()) };
        for folder in [&dir.root, &dir.inputs(), &dir.out(), &dir.scratch()] {
            create_private_dir(folder)?;
        }
        remove_parts(&dir.out());
        Ok(dir)
    }

    /// What lies in the folder: jobs, and what is none.
    pub fn entries(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.root).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    /// Removes one of [`WorkDir::entries`] with all that is in it. A link goes, and what it leads to stays.
    pub fn remove(&self, entry: &str) {
        remove(&self.root.join(entry));
    }
}

/// The folder of one job.
#[derive(Debug, Clone)]
pub struct JobDir {
    root: PathBuf,
}

impl JobDir {
    /// What was brought in.
    pub fn inputs(&self) -> PathBuf {
        self.root.join("inputs")
    }

    /// Where the child writes what it makes.
    pub fn out(&self) -> PathBuf {
        self.root.join("out")
    }

    /// Where the child puts what it needs meanwhile.
    pub fn scratch(&self) -> PathBuf {
        self.root.join("scratch")
    }

    fn done(&self) -> PathBuf {
        self.root.join("done.json")
    }

    /// What the child of an earlier attempt answered when all was made: then only the files are still to be stored.
    pub fn read_done(&self) -> Option<JobOutput<String>> {
        serde_json::from_slice(&fs::read(self.done()).ok()?).ok()
    }

    /// Keeps the child's answer for a later attempt.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn keep_done(&self, output: &JobOutput<String>) -> io::Result<()> {
        let text = serde_json::to_vec(output)?;
        durable::write(&self.done(), Access::Private, |file| file.write_all(&text))
    }

    /// Forgets what was made: the next attempt begins anew.
    pub fn forget(&self) {
        remove(&self.done());
        remove(&self.out());
        remove(&self.scratch());
    }

    /// A sentence for the job's owner, to whom this machine's folders mean nothing.
    pub fn without_paths(&self, sentence: &str) -> String {
        sentence.replace(&format!("{}/", self.root.display()), "")
    }
}

/// Removes what a killed child was writing.
fn remove_parts(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.path().extension().is_some_and(|extension| extension == PART_EXTENSION) {
            remove(&entry.path());
        }
    }
}

fn remove(path: &Path) {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), %error, "a file of an ended job could not be removed");
        }
        _ => {}
    }
}
