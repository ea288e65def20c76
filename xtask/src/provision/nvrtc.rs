//! NVRTC for the test that compiles our CUDA kernels, which needs no GPU: 90 MB that nothing but the tests asks for.
//!
//! It lies beside libtorch's folders in the cache and never in one of them, so a checkout with libtorch for CPUs has no CUDA
//! because of it; the tests' loader is shown the way ([`crate::suite`]).

use std::path::{Path, PathBuf};

use super::cache;
use super::error::ProvisionError;
use super::pinned::NVRTC_FOR_TESTS;
use super::source::{Source, cache_folder};
use super::{IS_PINNED_PLATFORM, PackageIndex, source, verify};

/// The folder with NVRTC's libraries, for tests with the libtorch that `link` leads to; fetched first if need be. `None` when
/// libtorch's own folder has them, or when they cannot be had: then it is said why, and the test reports itself as skipped.
pub fn for_tests(link: &Path) -> Option<PathBuf> {
    let beside = |library: &str| link.join("lib").join(library).exists();
    if NVRTC_FOR_TESTS.libraries().all(|library| beside(library.file_name())) {
        return None;
    }
    match find(link) {
        Ok(folder) => folder.map(|folder| folder.join("lib")),
        Err(error) => {
            eprintln!("the kernels for NVIDIA GPUs will not be compiled: {error}");
            None
        }
    }
}

/// What the cache has is taken; it is filled where libtorch came from it, too.
fn find(link: &Path) -> Result<Option<PathBuf>, ProvisionError> {
    match source::choose(link)? {
        Source::Cache(cache) if IS_PINNED_PLATFORM => {
            cache::ensure(&NVRTC_FOR_TESTS, &cache, &PackageIndex { cache: &cache }).map(Some)
        }
        _ => {
            let folder = cache_folder()?.join(NVRTC_FOR_TESTS.folder);
            Ok(Some(folder).filter(|folder| verify::looks_whole(&NVRTC_FOR_TESTS, folder)))
        }
    }
}
