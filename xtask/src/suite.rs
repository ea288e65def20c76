//! `test`: the whole suite in one cargo run, and a last line with the sums.
//!
//! cargo starts each test program through [`run_test`]: there the crates that compute with tensors get one test at a time,
//! because libtorch uses every core for a single operation; the others keep their parallel tests. One cargo run for all, so
//! that features are resolved once and nothing is built twice.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use crate::command::{TaskError, cannot_start, cargo};

/// Crates whose tests compute with tensors.
const ONE_AT_A_TIME: [&str; 6] = ["engine", "execution", "model", "pretraining", "training", "txt2img"];

/// Crates whose tests compile kernels for NVIDIA GPUs.
const COMPILES_KERNELS: [&str; 1] = ["engine"];

/// How a test says that this machine lacks what it needs: a line of its own, written straight to standard output, because
/// libtest keeps what `println!` prints to itself. libtest counts such a test as passed; here it is skipped.
const SKIPPED: &str = "skipped: ";

/// Sums of what the test programs said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    ok: u64,
    failed: u64,
    ignored: u64,
    reasons: BTreeMap<String, u64>,
}

impl Tally {
    /// Adds a line of a test program; any other line adds nothing.
    pub fn add(&mut self, line: &str) {
        let line = line.trim();
        if let Some(reason) = skip_reason(line) {
            *self.reasons.entry(reason.to_owned()).or_default() += 1;
        }
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) else {
            return;
        };
        for count in counts.split(';') {
            match count.trim().split_once(' ') {
                Some((number, "passed")) => self.ok += number.parse().unwrap_or(0),
                Some((number, "failed")) => self.failed += number.parse().unwrap_or(0),
                Some((number, "ignored")) => self.ignored += number.parse().unwrap_or(0),
                _ => {}
            }
        }
    }

    /// Tests that found what they look for.
    pub fn passed(&self) -> u64 {
        self.ok.saturating_sub(self.said_skipped())
    }

    /// Tests that failed.
    pub fn failed(&self) -> u64 {
        self.failed
    }

    /// Tests that looked at nothing: those marked as ignored, and those that said `skipped: REASON`.
    pub fn skipped(&self) -> u64 {
        self.ignored + self.said_skipped()
    }

    fn said_skipped(&self) -> u64 {
        self.reasons.values().sum()
    }
}

impl fmt::Display for Tally {
    /// A line for each reason to skip a test, then `N passed, N failed, N skipped`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (reason, count) in &self.reasons {
            writeln!(f, "{count} skipped: {reason}")?;
        }
        write!(f, "{} passed, {} failed, {} skipped", self.passed(), self.failed(), self.skipped())
    }
}

/// The reason in `skipped: REASON`; where tests run one at a time, libtest has begun the line with `test NAME ... `.
fn skip_reason(line: &str) -> Option<&str> {
    let own = match line.strip_prefix("test ") {
        Some(rest) => rest.split_once(" ... ")?.1,
        None => line,
    };
    own.strip_prefix(SKIPPED)
}

/// Runs the suite; `arguments` go to `cargo test`, and tests of kernels find NVRTC in the folder `nvrtc`. The last line is `N passed, N failed, N skipped`, after the reasons of those
/// that were skipped.
///
/// # Errors
/// When cargo cannot be started. Failed tests are a failing exit code.
pub fn run(root: &Path, arguments: &[OsString], nvrtc: Option<&Path>) -> Result<ExitCode, TaskError> {
    // Asked for before cargo replaces this program by a fresh build of itself.
    let this = env::current_exe().map_err(|source| TaskError::Start { program: "xtask".into(), source })?;
    let nvrtc = nvrtc.map(|folder| format!("--nvrtc={}", folder.display()));
    let runner: Vec<String> = [this.display().to_string(), "run-test".into()].into_iter().chain(nvrtc).collect();
    let runner = format!("target.'cfg(all())'.runner={runner:?}");
    let mut command = cargo(root)?;
    command.args(["--config", &runner, "test", "--no-fail-fast"]);
    let selects = |argument: &OsString| matches!(argument.to_str(), Some("-p" | "--package" | "--workspace"));
    if !arguments.iter().any(selects) {
        command.arg("--workspace");
    }
    command.args(arguments).env("OMP_WAIT_POLICY", "passive").stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|source| cannot_start(&command, source))?;
    let mut tally = Tally::default();
    if let Some(output) = child.stdout.take() {
        pass_through(BufReader::new(output), &mut tally);
    }
    let status = child.wait().map_err(|source| cannot_start(&command, source))?;
    if !status.success() {
        eprintln!("cargo test ended with {status}");
    }
    println!("{tally}");
    Ok(if status.success() && tally.failed() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints every line as it comes. Bytes that are no text are shown as well as they can be.
fn pass_through(mut output: impl BufRead, tally: &mut Tally) {
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        tally.add(&String::from_utf8_lossy(&line));
        // A reader that went away (`| head`) does not stop the tests.
        let _ = io::stdout().write_all(&line).and_then(|()| io::stdout().flush());
        line.clear();
    }
}

/// Becomes the test program `command`, whose loader finds NVRTC in the folder `nvrtc` if it may need it; comes back only when that
/// fails.
pub fn run_test(command: &[OsString], nvrtc: Option<&Path>) -> TaskError {
    let (program, arguments) = command.split_first().map_or((OsString::new(), &[][..]), |(p, a)| (p.clone(), a));
    let mut test = Command::new(program);
    test.args(arguments);
    let package = env::var("CARGO_PKG_NAME").unwrap_or_default();
    if ONE_AT_A_TIME.contains(&package.as_str()) && env::var_os("RUST_TEST_THREADS").is_none() {
        test.env("RUST_TEST_THREADS", "1");
    }
    if let Some(folder) = nvrtc
        && COMPILES_KERNELS.contains(&package.as_str())
    {
        test.env("LD_LIBRARY_PATH", search_path(folder));
    }
    let source = test.exec();
    cannot_start(&test, source)
}

/// The loader's folders with `folder` as the last.
fn search_path(folder: &Path) -> OsString {
    let mut path = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    if !path.is_empty() {
        path.push(":");
    }
    path.push(folder);
    path
}
