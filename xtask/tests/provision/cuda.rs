//! The libraries for GPUs: what is pinned, what is said before they are fetched, how they lie, who keeps them.

use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::TempDir;
use xtask::provision::cache::{Depot, ensure};
use xtask::provision::driver::describe;
use xtask::provision::error::ProvisionError;
use xtask::provision::pinned::{LIBTORCH, LIBTORCH_CUDA, NVRTC_FOR_TESTS};
use xtask::provision::plan::{Plan, size};
use xtask::provision::release::{Library, Release, Wheel};
use xtask::provision::source::{Wanted, release as chosen};

use crate::small_release::{CUDNN, LIBRARY, Quiet, copy_one, release_with_cuda, wheel_bytes, zip_of};

#[test]
fn cuda_libraries_lie_beside_those_for_cpus_whatever_folder_their_wheel_has_them_in() {
    let cache = TempDir::new().unwrap();
    let folder = ensure(&release_with_cuda(), cache.path(), &Quiet(copy_one)).unwrap();
    assert_eq!(fs::read(folder.join("lib/libgomp.so.1")).unwrap(), LIBRARY);
    assert_eq!(fs::read(folder.join("lib/libcudnn.so.9")).unwrap(), CUDNN);
    assert!(!folder.join("lib/libnvblas.so.13").exists(), "only what is pinned is taken");
    assert_eq!(fs::read_to_string(folder.join("lib/libtorch.so")).unwrap(), "INPUT(AS_NEEDED(-ltorch_cpu))\n");
}

#[test]
fn a_cuda_library_with_a_wrong_sum_is_refused() {
    let cache = TempDir::new().unwrap();
    let replaced = |wheel: &Wheel, into: &Path| {
        let other = zip_of(&[("nvidia/cudnn/lib/libcudnn.so.9", b"another library")]);
        let bytes = if wheel.file_name == "cudnn-1.whl" { other } else { wheel_bytes() };
        fs::write(into.join(wheel.file_name), bytes).unwrap();
        Ok(())
    };
    let error = ensure(&release_with_cuda(), cache.path(), &Quiet(replaced)).unwrap_err().to_string();
    assert!(error.contains("cudnn-1.whl has SHA-256") && error.contains("run the command again"), "{error}");
    assert!(!cache.path().join("libtorch-1-cuda").exists());
    ensure(&release_with_cuda(), cache.path(), &Quiet(copy_one)).unwrap();
}

/// Writes down what it was told and asked for, in order.
#[derive(Default)]
struct Diary(RefCell<Vec<String>>);

impl Depot for Diary {
    fn announce(&self, plan: &Plan) {
        self.0.borrow_mut().push(plan.to_string());
    }

    fn fetch(&self, wheel: &Wheel, into: &Path) -> Result<(), ProvisionError> {
        self.0.borrow_mut().push(wheel.file_name.into());
        copy_one(wheel, into)
    }
}

#[test]
fn the_size_is_said_before_anything_is_fetched() {
    let cache = TempDir::new().unwrap();
    let diary = Diary::default();
    ensure(&release_with_cuda(), cache.path(), &diary).unwrap();
    let entries = diary.0.into_inner();
    assert!(entries[0].starts_with("2 files, 1 MB to download; unpacked 1 MB"), "{entries:?}");
    assert_eq!(entries[1..], ["torch-1.whl", "cudnn-1.whl"]);
}

#[test]
fn only_what_is_missing_counts_as_to_be_downloaded() {
    let cache = TempDir::new().unwrap();
    let wheels = cache.path().join("libtorch-1-cuda.partial/wheels");
    fs::create_dir_all(&wheels).unwrap();
    fs::write(wheels.join("torch-1.whl"), wheel_bytes()).unwrap();
    fs::write(wheels.join("cudnn-1.whl"), b"cut off").unwrap();
    let diary = Diary::default();
    ensure(&release_with_cuda(), cache.path(), &diary).unwrap();
    let entries = diary.0.into_inner();
    assert!(entries[0].starts_with("1 file, "), "{entries:?}");
    assert_eq!(entries[1..], ["cudnn-1.whl"]);
}

#[test]
fn a_plan_tells_gigabytes_and_asks_for_the_disk_it_needs() {
    let plan = LIBTORCH_CUDA.plan();
    assert!(
        plan.to_string().starts_with("15 files, 2.5 GB to download; unpacked 3.5 GB, and 6.7 GB of disk"),
        "{plan}"
    );
    assert!(plan.disk_bytes() > plan.download_bytes() + plan.unpacked_bytes);
    assert!(LIBTORCH.plan().to_string().starts_with("3 files, 544 MB to download"), "{}", LIBTORCH.plan());
}

#[test]
fn a_checkout_keeps_the_cuda_libraries_it_was_given() {
    let (cache, checkout) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let link = checkout.path().join(".libtorch");
    let folder_of = |wanted| chosen(wanted, &link, cache.path()).folder;
    assert_eq!(folder_of(Wanted::AsBefore), LIBTORCH.folder);
    assert_eq!(folder_of(Wanted::Cuda), LIBTORCH_CUDA.folder);
    let cuda = cache.path().join(LIBTORCH_CUDA.folder);
    fs::create_dir(&cuda).unwrap();
    symlink(&cuda, &link).unwrap();
    assert_eq!(folder_of(Wanted::AsBefore), LIBTORCH_CUDA.folder);
    fs::remove_dir(&cuda).unwrap();
    assert_eq!(folder_of(Wanted::AsBefore), LIBTORCH.folder, "gigabytes are not fetched again unasked");
}

#[test]
fn the_cuda_set_holds_the_whole_cpu_set_and_no_name_twice() {
    let names = |release: &Release| -> Vec<&str> { release.libraries().map(Library::file_name).collect() };
    let cuda = names(&LIBTORCH_CUDA);
    for library in LIBTORCH.libraries() {
        let same = LIBTORCH_CUDA.libraries().any(|other| other.path == library.path && other.sha256 == library.sha256);
        assert!(same, "{}", library.path);
    }
    for (index, name) in cuda.iter().enumerate() {
        assert!(!cuda[index + 1..].contains(name), "all libraries lie in one folder, but two are named {name}");
    }
    for opened in ["libtorch_cuda.so", "libc10_cuda.so", "libcudnn_graph.so.9", "libcublasLt.so.13"] {
        assert!(cuda.contains(&opened), "{opened}");
    }
}

#[test]
fn nvrtc_for_the_tests_is_the_one_that_libtorch_with_cuda_has_and_lies_in_a_folder_of_its_own() {
    for library in NVRTC_FOR_TESTS.libraries() {
        let same = |other: &Library| other.file_name() == library.file_name() && other.sha256 == library.sha256;
        assert!(LIBTORCH_CUDA.libraries().any(same), "{}", library.path);
        assert!(!LIBTORCH.libraries().any(same), "{}", library.path);
    }
    assert!(![LIBTORCH.folder, LIBTORCH_CUDA.folder].contains(&NVRTC_FOR_TESTS.folder));
}

#[test]
fn the_guide_says_what_the_tests_download_besides() {
    let guide = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../CONTRIBUTING.md")).unwrap();
    assert!(guide.contains(&size(NVRTC_FOR_TESTS.plan().download_bytes())));
}

#[test]
fn the_readme_says_what_is_downloaded() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let gb = LIBTORCH_CUDA.plan().download_bytes() as f64 / 1e9;
    assert!(readme.contains(&format!("downloads {gb:.1} GB")), "{gb}");
}

#[test]
fn the_driver_is_judged_by_its_release() {
    let open = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build  (dvs-builder)\nGCC version: 12.2.0\n";
    assert_eq!(describe(Some(open)), "the NVIDIA driver here is 580.95.05, new enough for CUDA 13");
    let old = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 19:39:15 UTC 2024\n";
    assert!(describe(Some(old)).contains("535.183.01, but CUDA 13 needs release 580 or newer"));
    assert!(describe(Some("something else")).contains("does not tell its release"));
    assert!(describe(None).contains("no NVIDIA driver was found"));
}

#[test]
fn pinned_sums_have_the_length_of_sums() {
    for release in [LIBTORCH, LIBTORCH_CUDA, NVRTC_FOR_TESTS] {
        let wheels = release.wheels.iter().map(|wheel| wheel.sha256);
        for pinned in wheels.chain(release.libraries().map(|library| library.sha256)).chain(release.headers_sha256) {
            assert_eq!(hex::decode(pinned).unwrap().len(), 32);
        }
    }
}
