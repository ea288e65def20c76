//! One `dreambooth worker` process.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::processes::children_of;
use super::program;

/// Ends with the test, by SIGKILL.
pub(crate) struct Worker(Child);

impl Worker {
    /// Starts a worker of this name on `data_dir`, with `random:mini` on the CPU.
    pub(crate) fn start(data_dir: &Path, name: &str, extra: &[&str]) -> Self {
        let log = fs::File::options().create(true).append(true).open(data_dir.join("log")).unwrap();
        let worker = Command::new(program())
            .args(["worker", "--model", "random:mini", "--device", "cpu", "--worker-name", name, "--data-dir"])
            .arg(data_dir)
            .args(extra)
            .stdin(Stdio::null())
            .stderr(log)
            .spawn();
        Self(worker.unwrap())
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// The processes it has started.
    pub(crate) fn children(&self) -> Vec<u32> {
        children_of(self.id())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _may_have_ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}
