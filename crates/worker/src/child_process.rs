//! Starts the child, speaks its protocol (one JSON object a line, see `protocol::child`), notices its death.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use protocol::{ChildMessage, Failure, FailureCode, SupervisorMessage};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::child_environment::child_environment;

pub use crate::child_environment::ENVIRONMENT;

/// Longest line of a child. The longest answer that a request can ask for names thousands of pictures with their texts;
/// a child that says more is out of order.
const LINE_BYTES_MAX: usize = 256 << 20;
/// How long a child that has closed its output may take to be gone.
const DEATH_GRACE: Duration = Duration::from_secs(5);

/// How to start a child: this program's own `child` command, or another in tests.
#[derive(Debug, Clone)]
pub struct ChildCommand {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
}

/// A child that is up and waits for an assignment, or works on one. It is killed when dropped.
#[derive(Debug)]
pub struct ChildProcess {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    /// The beginning of a line.
    partial: Vec<u8>,
}

impl ChildProcess {
    /// Starts a child and waits until it is ready. Its environment is [`child_environment`]'s; it is the leader of a process
    /// group of its own, so that an interrupt from the terminal reaches the supervisor alone, which then decides.
    ///
    /// # Errors
    /// When it cannot be started, says that it is unable, ends, or says nothing for as long as `timeout`.
    pub async fn start(command: &ChildCommand, timeout: Duration) -> Result<Self, Failure> {
        let mut process = Self::spawn(command).map_err(|error| {
            let program = command.program.display();
            Failure::new(FailureCode::ChildStartFailed, format!("the worker could not start {program}: {error}"))
        })?;
        match tokio::time::timeout(timeout, process.next()).await {
            Ok(Ok(ChildMessage::Ready { device })) => {
                tracing::info!(device, "child process is ready");
                Ok(process)
            }
            Ok(Ok(ChildMessage::Unable(failure))) => Err(failure),
            Ok(Ok(_)) => Err(start_failed("began with a message that is not for the beginning")),
            Ok(Err(death)) => Err(Failure::new(FailureCode::ChildStartFailed, death.sentence)),
            Err(_) => Err(start_failed(&format!("said nothing for {} s", timeout.as_secs_f64()))),
        }
    }

    fn spawn(command: &ChildCommand) -> io::Result<Self> {
        let mut child = Command::new(&command.program)
            .args(&command.args)
            .env_clear()
            .envs(child_environment(std::env::vars_os()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        Ok(Self { child, stdin, stdout: BufReader::new(stdout), partial: Vec::new() })
    }

    /// Tells the child something.
    ///
    /// # Errors
    /// When the child does not read any more: it is dead.
    pub async fn tell(&mut self, message: &SupervisorMessage) -> io::Result<()> {
        let mut line = serde_json::to_string(message)?;
        line.push('\n');
        self.stdin.write_all(line.as_bytes()).await
    }

    /// The child's next message. Lines that are none (a library's chatter) go to the log. May be dropped and called again.
    ///
    /// # Errors
    /// When the child ended; the sentence says how.
    pub async fn next(&mut self) -> Result<ChildMessage, Failure> {
        loop {
            match self.line().await {
                Ok(Some(line)) => match serde_json::from_slice(&line) {
                    Ok(message) => return Ok(message),
                    Err(_) => {
                        tracing::debug!(line = %String::from_utf8_lossy(&line), "the child printed a line that is no message");
                    }
                },
                Ok(None) => return Err(Failure::new(FailureCode::ChildDied, self.death().await)),
                Err(error) => {
                    let sentence = format!("the process that ran the job could not be heard: {error}");
                    return Err(Failure::new(FailureCode::ChildDied, sentence));
                }
            }
        }
    }

    /// The next line without its end; `None` at the end of the output.
    async fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let heard = self.stdout.fill_buf().await?;
            if heard.is_empty() {
                return Ok(None);
            }
            let end = heard.iter().position(|byte| *byte == b'\n');
            let used = end.map_or(heard.len(), |end| end + 1);
            self.partial.extend_from_slice(&heard[..end.unwrap_or(used)]);
            self.stdout.consume(used);
            if end.is_some() {
                return Ok(Some(std::mem::take(&mut self.partial)));
            }
            if self.partial.len() > LINE_BYTES_MAX {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "its message has no end"));
            }
        }
    }

    /// True when the process is no more.
    pub fn has_died(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Lets the child end in good order; after `grace` it is killed.
    pub async fn end(mut self, grace: Duration) {
        let told = self.tell(&SupervisorMessage::End).await;
        if told.is_ok() && tokio::time::timeout(grace, self.child.wait()).await.is_ok() {
            return;
        }
        self.kill().await;
    }

    /// Ends the child at once; whatever it was doing is lost.
    pub async fn kill(mut self) {
        if let Err(error) = self.child.kill().await {
            tracing::warn!(%error, "the child process could not be killed");
        }
    }

    async fn death(&mut self) -> String {
        match tokio::time::timeout(DEATH_GRACE, self.child.wait()).await {
            Ok(Ok(status)) => format!("the process that ran the job {}", describe(status)),
            Ok(Err(error)) => format!("the process that ran the job is gone: {error}"),
            Err(_) => "the process that ran the job stopped answering".into(),
        }
    }
}

fn start_failed(what: &str) -> Failure {
    Failure::new(FailureCode::ChildStartFailed, format!("the process that runs jobs {what}"))
}

/// How a process ended, in words.
fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    const SIGKILL: i32 = 9;
    const SIGXFSZ: i32 = 25;
    match status.signal() {
        Some(SIGKILL) => "was killed (signal 9), as the system does when memory runs out".into(),
        Some(SIGXFSZ) => "was ended (signal 25) because it wrote a file larger than this worker allows".into(),
        Some(signal) => format!("was ended by signal {signal}"),
        None => status.code().map_or_else(|| "ended".into(), |code| format!("ended with exit code {code}")),
    }
}
