//! Headers of another libtorch are refused before the compiler meets them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../build/headers.rs"]
mod headers;

use std::fs;
use std::path::Path;

fn write(include: &Path, place: &str, version: &str) {
    let (major, minor) = version.split_once('.').unwrap();
    let text = format!("#pragma once\n#define TORCH_VERSION_MAJOR {major}\n\n#define TORCH_VERSION_MINOR {minor}\n");
    fs::create_dir_all(include.join(place).parent().unwrap()).unwrap();
    fs::write(include.join(place), text).unwrap();
}

#[test]
fn another_version_is_named_with_what_to_do() {
    for place in ["torch/headeronly/version.h", "torch/csrc/api/include/torch/version.h"] {
        let include = tempfile::tempdir().unwrap();
        write(include.path(), place, "2.12");
        let sentence = headers::check(include.path()).unwrap_err();
        assert!(sentence.contains("is of libtorch 2.12; set LIBTORCH to libtorch 2.11"), "{sentence}");
        write(include.path(), place, "2.11");
        headers::check(include.path()).unwrap();
    }
}

#[test]
fn a_folder_without_headers_is_refused() {
    let include = tempfile::tempdir().unwrap();
    let sentence = headers::check(include.path()).unwrap_err();
    assert!(sentence.contains("does not say which libtorch it is of"), "{sentence}");
}
