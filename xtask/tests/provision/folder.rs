//! One folder in the cache, from the first download to the last repair.

use std::cell::Cell;
use std::fs;
use std::path::Path;

use tempfile::TempDir;
use xtask::provision::cache::ensure;
use xtask::provision::error::ProvisionError;
use xtask::provision::release::Wheel;
use xtask::provision::source::{Wanted, check_given};
use xtask::provision::verify::{MANIFEST, headers_digest, looks_whole};

use crate::small_release::{
    HEADER, LIBRARY, Quiet, copy_one, fetch_nothing, release, release_without_headers, wheel_bytes,
};

#[test]
fn a_fresh_cache_gets_libraries_headers_and_the_linker_script() {
    let cache = TempDir::new().unwrap();
    let folder = ensure(&release(), cache.path(), &Quiet(copy_one)).unwrap();
    assert_eq!(fs::read(folder.join("lib/libgomp.so.1")).unwrap(), LIBRARY);
    assert_eq!(fs::read(folder.join("lib/libgomp.so")).unwrap(), LIBRARY);
    assert_eq!(fs::read(folder.join("include/ATen/ATen.h")).unwrap(), HEADER);
    assert_eq!(fs::read_to_string(folder.join("lib/libtorch.so")).unwrap(), "INPUT(AS_NEEDED(-ltorch_cpu))\n");
    assert!(!folder.join("other.py").exists());
    assert!(!cache.path().join("libtorch-1.partial").exists(), "wheels are not kept");
}

#[test]
fn libraries_without_headers_are_nothing_to_build_against() {
    let cache = TempDir::new().unwrap();
    let folder = ensure(&release_without_headers(), cache.path(), &Quiet(copy_one)).unwrap();
    let entries = fs::read_dir(folder.join("lib")).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(entries.collect::<Vec<_>>(), ["libcudnn.so.9"]);
    assert!(!folder.join("include").exists());
}

#[test]
fn the_second_time_nothing_is_fetched() {
    let cache = TempDir::new().unwrap();
    for release in [release(), release_without_headers()] {
        ensure(&release, cache.path(), &Quiet(copy_one)).unwrap();
        ensure(&release, cache.path(), &Quiet(fetch_nothing)).unwrap();
    }
}

#[test]
fn a_wheel_with_a_wrong_sum_is_refused_and_removed() {
    let cache = TempDir::new().unwrap();
    let damaged = |wheel: &Wheel, into: &Path| {
        fs::write(into.join(wheel.file_name), b"something else").unwrap();
        Ok(())
    };
    let error = ensure(&release(), cache.path(), &Quiet(damaged)).unwrap_err();
    assert!(error.to_string().contains("torch-1.whl has SHA-256"), "{error}");
    assert!(!cache.path().join("libtorch-1").exists());
    ensure(&release(), cache.path(), &Quiet(copy_one)).unwrap();
}

#[test]
fn a_run_that_was_cut_off_is_taken_up_with_the_wheels_it_had() {
    let cache = TempDir::new().unwrap();
    let partial = cache.path().join("libtorch-1.partial");
    fs::create_dir_all(partial.join("wheels/pip-1")).unwrap();
    fs::create_dir_all(partial.join("unpacked/lib")).unwrap();
    fs::write(partial.join("unpacked/lib/libgomp.so.1"), b"a li").unwrap();
    fs::write(partial.join("wheels/torch-1.whl"), wheel_bytes()).unwrap();
    let folder = ensure(&release(), cache.path(), &Quiet(fetch_nothing)).unwrap();
    assert!(looks_whole(&release(), &folder));
}

#[test]
fn a_right_folder_without_a_manifest_is_adopted() {
    let cache = TempDir::new().unwrap();
    let folder = ensure(&release(), cache.path(), &Quiet(copy_one)).unwrap();
    fs::remove_file(folder.join(MANIFEST)).unwrap();
    ensure(&release(), cache.path(), &Quiet(fetch_nothing)).unwrap();
    assert!(folder.join(MANIFEST).exists());
}

#[test]
fn a_damaged_folder_is_made_anew() {
    let cache = TempDir::new().unwrap();
    let folder = ensure(&release(), cache.path(), &Quiet(copy_one)).unwrap();
    fs::remove_file(folder.join("lib/libgomp.so.1")).unwrap();
    ensure(&release(), cache.path(), &Quiet(copy_one)).unwrap();
    assert_eq!(fs::read(folder.join("lib/libgomp.so.1")).unwrap(), LIBRARY);
}

#[test]
fn a_changed_header_is_noticed_when_a_folder_is_adopted() {
    let cache = TempDir::new().unwrap();
    let folder = ensure(&release(), cache.path(), &Quiet(copy_one)).unwrap();
    fs::remove_file(folder.join(MANIFEST)).unwrap();
    fs::write(folder.join("include/ATen/ATen.h"), b"changed").unwrap();
    let fetched = Cell::new(false);
    let fetch = |wheel: &Wheel, into: &Path| {
        fetched.set(true);
        copy_one(wheel, into)
    };
    ensure(&release(), cache.path(), &Quiet(fetch)).unwrap();
    assert!(fetched.get());
    assert_eq!(headers_digest(&folder.join("include")).ok().as_deref(), release().headers_sha256);
}

#[test]
fn two_runs_at_once_fetch_once() {
    let cache = TempDir::new().unwrap();
    let run = || {
        let fetched = Cell::new(0);
        let fetch = |wheel: &Wheel, into: &Path| {
            fetched.set(fetched.get() + 1);
            copy_one(wheel, into)
        };
        ensure(&release(), cache.path(), &Quiet(fetch)).unwrap();
        fetched.get()
    };
    let fetched: u32 = std::thread::scope(|scope| {
        let runs = [scope.spawn(run), scope.spawn(run), scope.spawn(run)];
        runs.into_iter().map(|run| run.join().unwrap()).sum()
    });
    assert_eq!(fetched, 1);
}

#[test]
fn a_failed_download_leaves_no_folder_that_looks_whole() {
    let cache = TempDir::new().unwrap();
    let offline = |wheel: &Wheel, _: &Path| {
        Err(ProvisionError::Download { requirement: wheel.requirement.into(), reason: "no route to host".into() })
    };
    let error = ensure(&release(), cache.path(), &Quiet(offline)).unwrap_err();
    assert!(error.to_string().contains("check the network connection"), "{error}");
    assert!(!looks_whole(&release(), &cache.path().join("libtorch-1")));
}

#[test]
fn a_folder_of_the_users_must_be_libtorch_2_11() {
    let given = TempDir::new().unwrap();
    let refused = |folder: &Path| check_given("LIBTORCH", folder, Wanted::AsBefore).unwrap_err().to_string();
    assert!(refused(given.path()).contains("has no lib/libtorch_cpu.so"));
    fs::create_dir(given.path().join("lib")).unwrap();
    fs::write(given.path().join("lib/libtorch_cpu.so"), b"").unwrap();
    assert!(refused(given.path()).contains("does not tell its version"));
    fs::write(given.path().join("build-version"), "2.9.1+cpu\n").unwrap();
    assert!(refused(given.path()).contains("holds version 2.9.1+cpu"));
    fs::write(given.path().join("build-version"), "2.11.0+cpu\n").unwrap();
    check_given("LIBTORCH", given.path(), Wanted::AsBefore).unwrap();
    let error = check_given("LIBTORCH", given.path(), Wanted::Cuda).unwrap_err().to_string();
    assert!(error.contains("has no lib/libtorch_cuda.so"), "{error}");
    fs::write(given.path().join("lib/libtorch_cuda.so"), b"").unwrap();
    check_given("LIBTORCH", given.path(), Wanted::Cuda).unwrap();
}
