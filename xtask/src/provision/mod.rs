//! `provision`: a libtorch 2.11 that this checkout's `.libtorch` points to.
//!
//! The folder lies in a cache that all checkouts share (`$DREAMBOOTH_CACHE`, else `$XDG_CACHE_HOME/dreambooth`, else
//! `~/.cache/dreambooth`), so it is downloaded once per machine. With `LIBTORCH` or `LIBTORCH_USE_PYTORCH=1` nothing is
//! downloaded at all. After it, plain cargo commands work too: `.cargo/config.toml` reads the link.

pub mod cache;
pub mod error;
pub mod pip;
pub mod release;
pub mod source;
mod unpack;
pub mod verify;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use indicatif::ProgressStyle;

use error::{ProvisionError, failed};
use source::Source;

/// Provides libtorch for the checkout at `root`, verbosely only when there is something to do.
///
/// # Errors
/// One sentence with the remedy.
pub fn provision(root: &Path) -> Result<PathBuf, ProvisionError> {
    let link = root.join(".libtorch");
    let folder = match source::choose(&link)? {
        Source::Given { name, folder } => {
            source::check_given(name, &folder)?;
            fs::canonicalize(&folder).map_err(failed("find", &folder))?
        }
        Source::Cache(cache) => {
            if !cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) {
                return Err(ProvisionError::Platform);
            }
            cache::ensure(&release::LIBTORCH, &cache, &|wheel, into| {
                pip::check()?;
                eprintln!("fetching {} ({} MB) into {}", wheel.requirement, wheel.bytes / 1_000_000, cache.display());
                pip::download(wheel, into)
            })?
        }
    };
    point(&link, &folder)?;
    Ok(folder)
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
