//! A folder that all checkouts share: `<cache>/libtorch-…`, `<cache>/nvrtc-…`.
//!
//! Invariants: whoever changes anything holds the lock `<cache>/<folder>.lock`. All work is done in `<cache>/<folder>.partial`,
//! which becomes `<cache>/<folder>` by one rename once every sum is right; the manifest is in it by then. A run that was cut
//! off leaves the partial folder, and the next one keeps the wheels in it whose sums are right.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::error::{ProvisionError, failed};
use super::plan::{Plan, size};
use super::release::{Release, Wheel};
use super::unpack::unpack;
use super::verify::{looks_whole, sha256_of, verify, write_manifest};

/// The folder in `<cache>/<folder>.partial` that becomes `<cache>/<folder>`.
const UNPACKED: &str = "unpacked";

/// Where wheels come from; the package index outside of tests.
pub trait Depot {
    /// Told once what will be fetched, before the first wheel and before the disk is asked for room.
    fn announce(&self, plan: &Plan);

    /// Brings a wheel into a folder.
    ///
    /// # Errors
    /// When it cannot be had.
    fn fetch(&self, wheel: &Wheel, into: &Path) -> Result<(), ProvisionError>;
}

/// The folder with `release` in it, made first if it is not there. Runs at the same time wait for each other.
///
/// # Errors
/// One sentence: no network, a wrong sum, a full disk, a forbidden folder.
pub fn ensure(release: &Release, cache: &Path, depot: &dyn Depot) -> Result<PathBuf, ProvisionError> {
    let folder = cache.join(release.folder);
    if looks_whole(release, &folder) {
        return Ok(folder);
    }
    fs::create_dir_all(cache).map_err(failed("create", cache))?;
    let _lock = lock(release, cache)?;
    if looks_whole(release, &folder) {
        return Ok(folder);
    }
    if folder.exists() && adopt(release, &folder)? {
        return Ok(folder);
    }
    let partial = cache.join(format!("{}.partial", release.folder));
    build(release, &partial, depot)?;
    replace(&folder, &partial.join(UNPACKED))?;
    fs::remove_dir_all(&partial).map_err(failed("remove", &partial))?;
    Ok(folder)
}

/// Held until the file is dropped; the system frees it when the process dies, however it dies.
fn lock(release: &Release, cache: &Path) -> Result<File, ProvisionError> {
    let path = &cache.join(format!("{}.lock", release.folder));
    let file = File::options().create(true).truncate(false).write(true).open(path).map_err(failed("open", path))?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => eprintln!("waiting: another run is fetching {}", release.name),
        Err(TryLockError::Error(error)) => return Err(failed("lock", path)(error)),
    }
    file.lock().map_err(failed("lock", path))?;
    Ok(file)
}

/// Takes over a folder that has no manifest when every sum is right: nothing is downloaded then.
fn adopt(release: &Release, folder: &Path) -> Result<bool, ProvisionError> {
    eprintln!("checking {}", folder.display());
    if let Err(error) = verify(release, folder) {
        eprintln!("it will be made anew: {error}");
        return Ok(false);
    }
    write_manifest(release, folder)?;
    Ok(true)
}

/// Fetches, unpacks and verifies in `partial`; the result is [`UNPACKED`] in it.
fn build(release: &Release, partial: &Path, depot: &dyn Depot) -> Result<(), ProvisionError> {
    let wheels = partial.join("wheels");
    fs::create_dir_all(&wheels).map_err(failed("create", &wheels))?;
    remove_strays(&wheels)?;
    let unpacked = partial.join(UNPACKED);
    if unpacked.exists() {
        fs::remove_dir_all(&unpacked).map_err(failed("remove", &unpacked))?;
    }
    let is_there = |wheel: &Wheel| {
        let file = wheels.join(wheel.file_name);
        file.exists() && check_wheel(wheel, &file).is_ok()
    };
    let plan = Plan::new(release, release.wheels.iter().filter(|wheel| !is_there(wheel)).collect());
    if !plan.wheels.is_empty() {
        depot.announce(&plan);
    }
    check_disk(partial, &plan)?;
    for wheel in plan.wheels {
        depot.fetch(wheel, &wheels)?;
        check_wheel(wheel, &wheels.join(wheel.file_name))?;
    }
    unpack(release, &wheels, &unpacked)?;
    verify(release, &unpacked)?;
    write_manifest(release, &unpacked)
}

/// A wheel with a wrong sum is removed, so that the next run fetches it again.
fn check_wheel(wheel: &Wheel, file: &Path) -> Result<(), ProvisionError> {
    let found = sha256_of(file, |_| ())?;
    if found == wheel.sha256 {
        return Ok(());
    }
    fs::remove_file(file).map_err(failed("remove", file))?;
    Err(ProvisionError::WrongWheel { file: wheel.file_name.into(), found, expected: wheel.sha256.into() })
}

/// Temporary folders of pip runs that were cut off.
fn remove_strays(wheels: &Path) -> Result<(), ProvisionError> {
    for entry in fs::read_dir(wheels).map_err(failed("list", wheels))?.flatten() {
        if entry.path().is_dir() {
            fs::remove_dir_all(entry.path()).map_err(failed("remove", &entry.path()))?;
        }
    }
    Ok(())
}

/// Puts `new` where `folder` is. What was there is moved aside first: a running program keeps the libraries it has opened.
fn replace(folder: &Path, new: &Path) -> Result<(), ProvisionError> {
    let aside = folder.with_extension(format!("old-{}", std::process::id()));
    let had_one = folder.exists();
    if had_one {
        fs::rename(folder, &aside).map_err(failed("move", folder))?;
    }
    fs::rename(new, folder).map_err(failed("create", folder))?;
    if had_one {
        fs::remove_dir_all(&aside).map_err(failed("remove", &aside))?;
    }
    Ok(())
}

/// Asks `df` (POSIX) for the free space; where it cannot be asked, the disk itself will say so soon enough.
fn check_disk(folder: &Path, plan: &Plan) -> Result<(), ProvisionError> {
    let Ok(answer) = Command::new("df").arg("-Pk").arg(folder).stderr(Stdio::null()).output() else { return Ok(()) };
    let text = String::from_utf8_lossy(&answer.stdout).into_owned();
    let free_kb = text.lines().nth(1).and_then(|line| line.split_whitespace().nth(3)?.parse::<u64>().ok());
    // df counts in units of 1024 bytes.
    match free_kb.map(|kb| kb.saturating_mul(1024)) {
        Some(free) if free < plan.disk_bytes() => Err(ProvisionError::Disk {
            folder: folder.to_owned(),
            what: plan.name,
            free: size(free),
            needed: size(plan.disk_bytes()),
        }),
        _ => Ok(()),
    }
}
