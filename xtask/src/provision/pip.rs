//! Fetches a wheel with pip, the one tool that knows the user's mirrors, proxies and certificates.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use indicatif::ProgressBar;

use super::error::{ProvisionError, failed};
use super::release::Wheel;

/// How often the bar looks at what pip has written.
const LOOK_EVERY: Duration = Duration::from_millis(150);

/// Says in one sentence if there is no Python or no pip.
///
/// # Errors
/// [`ProvisionError::NoPython`], [`ProvisionError::NoPip`].
pub fn check() -> Result<(), ProvisionError> {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "--version"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match pip.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(ProvisionError::NoPip),
        Err(_) => Err(ProvisionError::NoPython),
    }
}

/// Downloads `wheel` into the folder `into`.
///
/// # Errors
/// When pip ends with an error; the sentence holds its last line.
pub fn download(wheel: &Wheel, into: &Path) -> Result<(), ProvisionError> {
    // pip writes under TMPDIR until the file is whole: there the bar sees it grow, and the right disk is used.
    let temporary = into.join(format!("pip-{}", std::process::id()));
    fs::create_dir_all(&temporary).map_err(failed("create", &temporary))?;
    let log = temporary.join("pip.log");
    let log_file = File::create(&log).map_err(failed("write", &log))?;
    let mut pip = Command::new("python3")
        .args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--no-cache-dir"])
        .args(["--progress-bar=off", "--disable-pip-version-check", "--implementation=cp", "--python-version=3.11"])
        .args(["--abi=cp311", "--platform", wheel.platform, "--dest"])
        .args([into.as_os_str(), OsStr::new(wheel.requirement)])
        .env("TMPDIR", &temporary)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log_file)
        .spawn()
        .map_err(|_| ProvisionError::NoPython)?;
    let bar = ProgressBar::new(wheel.bytes).with_style(super::bytes_style()).with_message(wheel.requirement);
    let status = loop {
        if let Some(status) = pip.try_wait().map_err(failed("wait for pip in", into))? {
            break status;
        }
        bar.set_position(bytes_below(&temporary).min(wheel.bytes));
        thread::sleep(LOOK_EVERY);
    };
    bar.finish_and_clear();
    let said = fs::read_to_string(&log).unwrap_or_default();
    // A leftover of pip's is removed at the next start too; failing here would hide the real outcome.
    let _ = fs::remove_dir_all(&temporary);
    if status.success() {
        return Ok(());
    }
    let last = said.lines().rev().find(|line| line.contains("ERROR")).or(said.lines().last());
    let reason = last.unwrap_or("it gave no reason").trim().trim_start_matches("ERROR:").trim().to_owned();
    Err(ProvisionError::Download { requirement: wheel.requirement.into(), reason })
}

/// Bytes of all files below a folder that somebody else is writing; what vanishes meanwhile counts nothing.
fn bytes_below(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(data) if data.is_dir() => bytes_below(&entry.path()),
        Ok(data) => data.len(),
        Err(_) => 0,
    });
    sizes.sum()
}
