//! Starts the child, speaks its protocol (one JSON object a line, see `protocol::child`), notices its death.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use protocol::{Assignment, ChildMessage, SupervisorMessage};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::WorkerError;

/// What libraries of the child read before its first line runs; the operator's own values win.
pub const ENVIRONMENT: [(&str, &str); 2] = [
    // The child shares its cores: threads of libgomp that spin while they wait would slow the others down.
    ("OMP_WAIT_POLICY", "passive"),
    // libtorch asks for huge pages, which spares gigabytes of weights most of their page faults.
    ("THP_MEM_ALLOC_ENABLE", "1"),
];

/// How to start a child: this program's own `child` command, or another in tests.
#[derive(Debug, Clone)]
pub struct ChildCommand {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
}

/// A child that is up and waits for an assignment, or works on one.
#[derive(Debug)]
pub struct ChildProcess {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl ChildProcess {
    /// Starts a child and waits until it is ready.
    ///
    /// # Errors
    /// When it cannot be started or ends before it is ready; both cost an attempt.
    pub async fn start(command: &ChildCommand) -> Result<Self, WorkerError> {
        let mut child = Command::new(&command.program)
            .args(&command.args)
            .envs(ENVIRONMENT.iter().filter(|(name, _)| std::env::var_os(name).is_none()).copied())
            // The operator's token is the supervisor's business: the child asks no hub.
            .env_remove("HF_TOKEN")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| WorkerError::io("start its child process", &error))?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(WorkerError::Attempt("the child process has no pipes".into()));
        };
        let mut process = Self { child, stdin, lines: BufReader::new(stdout).lines() };
        match process.next().await? {
            ChildMessage::Ready { device } => {
                tracing::info!(device, "child process is ready");
                Ok(process)
            }
            ChildMessage::Failed { error } => Err(WorkerError::Job(error)),
            other => Err(WorkerError::Attempt(format!("the child process began with {other:?}"))),
        }
    }

    /// Hands over a job.
    ///
    /// # Errors
    /// When the child does not read any more.
    pub async fn assign(&mut self, assignment: Assignment) -> Result<(), WorkerError> {
        let message = SupervisorMessage::Run(Box::new(assignment));
        let mut line = serde_json::to_string(&message)
            .map_err(|error| WorkerError::Attempt(format!("the assignment could not be written: {error}")))?;
        line.push('\n');
        self.stdin.write_all(line.as_bytes()).await.map_err(|error| WorkerError::io("reach its child process", &error))
    }

    /// The child's next message. Lines that are none (a library's chatter) go to the log.
    ///
    /// # Errors
    /// When the child ended; the sentence says how.
    pub async fn next(&mut self) -> Result<ChildMessage, WorkerError> {
        loop {
            match self.lines.next_line().await {
                Ok(Some(line)) => match serde_json::from_str(&line) {
                    Ok(message) => return Ok(message),
                    Err(_) => tracing::debug!(line, "the child printed a line that is no message"),
                },
                Ok(None) | Err(_) => return Err(WorkerError::Attempt(self.death().await)),
            }
        }
    }

    /// Ends the child at once; whatever it was doing is lost.
    pub async fn kill(mut self) {
        if let Err(error) = self.child.kill().await {
            tracing::warn!(%error, "the child process could not be killed");
        }
    }

    async fn death(&mut self) -> String {
        match self.child.wait().await {
            Ok(status) => format!("the process that ran the job {}", describe(status)),
            Err(error) => format!("the process that ran the job is gone: {error}"),
        }
    }
}

/// How a process ended, in words.
fn describe(status: ExitStatus) -> String {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        const SIGKILL: i32 = 9;
        match status.signal() {
            Some(SIGKILL) => return "was killed (signal 9), as the system does when memory runs out".into(),
            Some(signal) => return format!("was ended by signal {signal}"),
            None => {}
        }
    }
    status.code().map_or_else(|| "ended".into(), |code| format!("ended with exit code {code}"))
}
