//! `provision`: a libtorch 2.11 that this checkout's `.libtorch` points to.
//!
//! The folder lies in a cache that all checkouts share (`$DREAMBOOTH_CACHE`, else `$XDG_CACHE_HOME/dreambooth`, else
//! `~/.cache/dreambooth`), so it is downloaded once per machine. With `LIBTORCH` or `LIBTORCH_USE_PYTORCH=1` nothing is
//! downloaded at all. After it, plain cargo commands work too: `.cargo/config.toml` reads the link.
//!
//! There are two such folders: libtorch for CPUs, and, for whoever asks for it, the same with CUDA ([`pinned`]). The program is
//! linked to `libtorch_cpu.so` in either case and opens `libtorch_cuda.so` beside it where there is one. The tests are given
//! [`nvrtc`] besides.

pub mod cache;
pub mod driver;
pub mod error;
pub mod nvrtc;
pub mod pinned;
pub mod pip;
pub mod plan;
pub mod release;
pub mod source;
mod unpack;
pub mod verify;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use indicatif::ProgressStyle;

use cache::Depot;
use error::{ProvisionError, failed};
use plan::{Plan, size};
use release::Wheel;
use source::{Source, Wanted};

/// Whether this is the platform that the pinned wheels are for.
const IS_PINNED_PLATFORM: bool = cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"));

/// Provides libtorch for the checkout at `root`, verbosely only when there is something to do.
///
/// # Errors
/// One sentence with the remedy.
pub fn provision(root: &Path, wanted: Wanted) -> Result<PathBuf, ProvisionError> {
    let link = root.join(".libtorch");
    let folder = match source::choose(&link)? {
        Source::Given { name, folder } => {
            source::check_given(name, &folder, wanted)?;
            fs::canonicalize(&folder).map_err(failed("find", &folder))?
        }
        Source::Cache(cache) => {
            if !IS_PINNED_PLATFORM {
                return Err(ProvisionError::Platform);
            }
            let release = source::release(wanted, &link, &cache);
            cache::ensure(release, &cache, &PackageIndex { cache: &cache })?
        }
    };
    point(&link, &folder)?;
    Ok(folder)
}

/// The package index, by way of pip.
#[derive(Debug)]
struct PackageIndex<'a> {
    cache: &'a Path,
}

impl Depot for PackageIndex<'_> {
    fn announce(&self, plan: &Plan) {
        eprintln!("fetching {} into {}: {plan}", plan.name, self.cache.display());
    }

    fn fetch(&self, wheel: &Wheel, into: &Path) -> Result<(), ProvisionError> {
        pip::check()?;
        eprintln!("fetching {} ({})", wheel.requirement, size(wheel.bytes));
        pip::download(wheel, into)
    }
}

/// Makes `link` point to `folder`, replacing an older link in one step: a build that runs meanwhile sees one or the other.
fn point(link: &Path, folder: &Path) -> Result<(), ProvisionError> {
    if fs::read_link(link).is_ok_and(|target| target == folder) {
        return Ok(());
    }
    if fs::symlink_metadata(link).is_ok_and(|data| !data.file_type().is_symlink()) {
        return Err(ProvisionError::LinkTaken(link.to_owned()));
    }
    let new = link.with_extension(format!("new-{}", std::process::id()));
    symlink(folder, &new).map_err(failed("create", &new))?;
    fs::rename(&new, link).map_err(failed("replace", link))
}

/// A bar that counts bytes.
fn bytes_style() -> ProgressStyle {
    ProgressStyle::with_template("{msg:<30} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}
