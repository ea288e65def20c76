//! Which libtorch: the one `LIBTORCH` names, Python's, or the one in the shared cache.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::error::ProvisionError;
use super::pinned::{LIBTORCH, LIBTORCH_CUDA};
use super::release::Release;

/// Where libtorch comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A folder of the user's.
    Given {
        /// The environment variable that says so.
        name: &'static str,
        /// The folder.
        folder: PathBuf,
    },
    /// Put together from wheels in this folder.
    Cache(PathBuf),
}

/// Reads the environment. `link` is `.libtorch` of this checkout: cargo's configuration sets `LIBTORCH` to it where the user
/// has not set the variable.
///
/// # Errors
/// When Python has no torch although `LIBTORCH_USE_PYTORCH` is set, or there is no home for the cache.
pub fn choose(link: &Path) -> Result<Source, ProvisionError> {
    if env::var_os("LIBTORCH_USE_PYTORCH").is_some() {
        return Ok(Source::Given { name: "LIBTORCH_USE_PYTORCH", folder: python_torch()? });
    }
    match env::var_os("LIBTORCH").map(PathBuf::from) {
        Some(folder) if folder != link && !folder.as_os_str().is_empty() => {
            Ok(Source::Given { name: "LIBTORCH", folder })
        }
        _ => Ok(Source::Cache(cache_folder()?)),
    }
}

/// Where everything lies that all checkouts share.
pub(super) fn cache_folder() -> Result<PathBuf, ProvisionError> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("DREAMBOOTH_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|cache| cache.join("dreambooth")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/dreambooth")))
        .and_then(|folder| std::path::absolute(folder).ok())
        .ok_or(ProvisionError::NoHome)
}

fn python_torch() -> Result<PathBuf, ProvisionError> {
    let script = "import os, torch; print(os.path.dirname(torch.__file__))";
    let answer = Command::new("python3").args(["-c", script]).stdin(Stdio::null()).output();
    let answer = answer.map_err(|_| ProvisionError::NoPython)?;
    if answer.status.success() {
        return Ok(PathBuf::from(String::from_utf8_lossy(&answer.stdout).trim()));
    }
    let said = String::from_utf8_lossy(&answer.stderr).into_owned();
    Err(ProvisionError::NoPythonTorch(said.lines().last().unwrap_or("it gave no reason").to_owned()))
}

/// Which libraries a checkout shall have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Those it has been given before; at first, those for CPUs.
    AsBefore,
    /// Those for NVIDIA GPUs, too.
    Cuda,
}

/// Which libtorch of the cache that means. A checkout whose `link` leads to the one with CUDA keeps it; without the link it
/// is given the smaller one.
pub fn release(wanted: Wanted, link: &Path, cache: &Path) -> &'static Release {
    let cuda = cache.join(LIBTORCH_CUDA.folder);
    let has_cuda = fs::read_link(link).is_ok_and(|target| target == cuda) && cuda.exists();
    if wanted == Wanted::Cuda || has_cuda { &LIBTORCH_CUDA } else { &LIBTORCH }
}

/// Checks that a folder of the user's is a libtorch 2.11 with what is wanted of it.
///
/// # Errors
/// Says what is missing or which version it is.
pub fn check_given(name: &'static str, folder: &Path, wanted: Wanted) -> Result<(), ProvisionError> {
    let wrong = |reason: String| ProvisionError::NotLibtorch { name, folder: folder.to_owned(), reason };
    let libraries: &[&str] = match wanted {
        Wanted::AsBefore => &["lib/libtorch_cpu.so"],
        Wanted::Cuda => &["lib/libtorch_cpu.so", "lib/libtorch_cuda.so"],
    };
    if let Some(missing) = libraries.iter().find(|library| !folder.join(library).exists()) {
        return Err(wrong(format!("has no {missing}")));
    }
    let version = version_of(folder).ok_or_else(|| wrong("does not tell its version".into()))?;
    if version.starts_with("2.11.") { Ok(()) } else { Err(wrong(format!("holds version {version}"))) }
}

/// The version by `build-version` (in libtorch's own archives) or by the headers (everywhere).
fn version_of(folder: &Path) -> Option<String> {
    if let Ok(text) = fs::read_to_string(folder.join("build-version")) {
        return Some(text.trim().to_owned());
    }
    let headers = ["include/torch/headeronly/version.h", "include/torch/csrc/api/include/torch/version.h"];
    headers.iter().find_map(|header| {
        let text = fs::read_to_string(folder.join(header)).ok()?;
        let number = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(&format!("#define TORCH_VERSION_{name} ")))?;
            line.split_whitespace().last()?.parse::<u32>().ok()
        };
        Some(format!("{}.{}.{}", number("MAJOR")?, number("MINOR")?, number("PATCH")?))
    })
}
