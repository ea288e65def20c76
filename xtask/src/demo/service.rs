//! The service under demonstration: a real `dreambooth serve` in its own data directory.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::error::DemoError;
use super::settings::MODEL;

/// The address stands in a file when the service listens; opening the database takes well below a second.
const START_MAX: Duration = Duration::from_secs(60);
/// How long the service may take to end by itself after it was asked to.
const END_MAX: Duration = Duration::from_secs(10);

/// A running service; it ends when this value does.
#[derive(Debug)]
pub struct Service {
    child: Child,
    /// `http://127.0.0.1:PORT`.
    pub address: String,
    /// An API key of it.
    pub key: String,
}

impl Service {
    /// Makes a key, starts the service on a free port and waits until it listens. Its log goes to `log`.
    ///
    /// # Errors
    /// When the program does not start, ends at once or does not listen in time.
    pub fn start(binary: &Path, data_dir: &Path, log: &Path) -> Result<Self, DemoError> {
        let failed = |reason: String| DemoError::Service { reason, log: log.to_owned() };
        let io = |source| DemoError::Io { action: "write", path: log.to_owned(), source };
        let log_file = File::create(log).map_err(io)?;
        let key = create_key(binary, data_dir, log_file.try_clone().map_err(io)?).map_err(failed)?;
        let listening = data_dir.join("listening");
        // A file of an earlier life would name a port that nobody listens on.
        let _ = fs::remove_file(&listening);
        let child = Command::new(binary)
            .args(["serve", "--listen", "127.0.0.1:0", "--model", MODEL, "--allow-private-networks", "--data-dir"])
            .arg(data_dir)
            .stdin(Stdio::null())
            .stdout(log_file.try_clone().map_err(io)?)
            .stderr(log_file)
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        let mut service = Self { child, address: String::new(), key };
        service.address = service.wait_for_address(&listening).map_err(failed)?;
        Ok(service)
    }

    fn wait_for_address(&mut self, listening: &PathBuf) -> Result<String, String> {
        let begin = Instant::now();
        while begin.elapsed() < START_MAX {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("it ended with {status}"));
            }
            match fs::read_to_string(listening) {
                Ok(address) if address.trim().starts_with("http://") => return Ok(address.trim().to_owned()),
                _ => thread::sleep(Duration::from_millis(50)),
            }
        }
        Err(format!("it did not listen within {} seconds", START_MAX.as_secs()))
    }
}

impl Drop for Service {
    /// Asks it to end (SIGTERM, so that its worker child ends too), and makes it end if it does not.
    fn drop(&mut self) {
        let asked = Command::new("kill").arg(self.child.id().to_string()).status();
        let begin = Instant::now();
        while asked.as_ref().is_ok_and(std::process::ExitStatus::success) && begin.elapsed() < END_MAX {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn create_key(binary: &Path, data_dir: &Path, log: File) -> Result<String, String> {
    let mut command = Command::new(binary);
    command.args(["keys", "create", "--name", "demo", "--data-dir"]).arg(data_dir);
    let answer = command.stdin(Stdio::null()).stderr(log).output().map_err(|error| error.to_string())?;
    let key = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
    if answer.status.success() && !key.is_empty() {
        return Ok(key);
    }
    Err(format!("`dreambooth keys create` ended with {}", answer.status))
}
