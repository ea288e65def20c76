//! A small release of one wheel stands for libtorch, or one of two for libtorch with CUDA; fetching copies a file.

use std::fs;
use std::io::Write;
use std::path::Path;

use sha2::{Digest, Sha256};
use xtask::provision::cache::Depot;
use xtask::provision::error::ProvisionError;
use xtask::provision::plan::Plan;
use xtask::provision::release::{Library, Release, Wheel};

pub(crate) const LIBRARY: &[u8] = b"a library";
pub(crate) const CUDNN: &[u8] = b"a library of NVIDIA's";
pub(crate) const HEADER: &[u8] = b"#pragma once\n";

pub(crate) fn sum(bytes: &[u8]) -> &'static str {
    hex::encode(Sha256::digest(bytes)).leak()
}

/// A depot that announces nothing and fetches as it is told.
pub(crate) struct Quiet<F>(pub(crate) F);

impl<F: Fn(&Wheel, &Path) -> Result<(), ProvisionError>> Depot for Quiet<F> {
    fn announce(&self, _: &Plan) {}

    fn fetch(&self, wheel: &Wheel, into: &Path) -> Result<(), ProvisionError> {
        (self.0)(wheel, into)
    }
}

pub(crate) fn zip_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().last_modified_time(zip::DateTime::default());
    for (name, bytes) in files {
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A wheel with one library, one header, and a file that nobody wants.
pub(crate) fn wheel_bytes() -> Vec<u8> {
    zip_of(&[("torch/lib/libgomp.so.1", LIBRARY), ("torch/include/ATen/ATen.h", HEADER), ("torch/other.py", b"x")])
}

/// A wheel of NVIDIA's: a library in a folder of its own, and one that is not taken.
pub(crate) fn cudnn_bytes() -> Vec<u8> {
    zip_of(&[("nvidia/cudnn/lib/libcudnn.so.9", CUDNN), ("nvidia/cu13/lib/libnvblas.so.13", b"not taken")])
}

pub(crate) fn library(path: &'static str, bytes: &[u8]) -> Library {
    Library { path, bytes: bytes.len() as u64, sha256: sum(bytes) }
}

pub(crate) fn wheel(name: &'static str, bytes: &[u8], headers: &'static str, libraries: Vec<Library>) -> Wheel {
    Wheel {
        requirement: name,
        platform: "any",
        file_name: name,
        bytes: bytes.len() as u64,
        sha256: sum(bytes),
        libraries: libraries.leak(),
        headers,
    }
}

pub(crate) fn release_of(folder: &'static str, wheels: Vec<Wheel>) -> Release {
    let headers = format!("{}  ATen/ATen.h\n", sum(HEADER));
    Release { name: "libtorch 1", folder, wheels: wheels.leak(), headers_sha256: Some(sum(headers.as_bytes())) }
}

pub(crate) fn torch() -> Wheel {
    wheel("torch-1.whl", &wheel_bytes(), "torch/include/", vec![library("torch/lib/libgomp.so.1", LIBRARY)])
}

pub(crate) fn release() -> Release {
    release_of("libtorch-1", vec![torch()])
}

/// The same with a second wheel, as libtorch with CUDA has.
pub(crate) fn release_with_cuda() -> Release {
    release_of("libtorch-1-cuda", vec![torch(), cudnn()])
}

/// A wheel of libraries alone, as NVRTC is for the tests.
pub(crate) fn release_without_headers() -> Release {
    Release { name: "cuDNN 1", folder: "cudnn-1", headers_sha256: None, ..release_of("", vec![cudnn()]) }
}

fn cudnn() -> Wheel {
    wheel("cudnn-1.whl", &cudnn_bytes(), "", vec![library("nvidia/cudnn/lib/libcudnn.so.9", CUDNN)])
}

pub(crate) fn copy_one(wheel: &Wheel, into: &Path) -> Result<(), ProvisionError> {
    let bytes = if wheel.file_name == "cudnn-1.whl" { cudnn_bytes() } else { wheel_bytes() };
    fs::write(into.join(wheel.file_name), bytes).unwrap();
    Ok(())
}

pub(crate) fn fetch_nothing(_: &Wheel, _: &Path) -> Result<(), ProvisionError> {
    panic!("nothing needed to be fetched")
}
