//! Which files of an unpacked data set are images.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use training::TrainingError;
use training::dataset::{IMAGES_MAX, find_images, find_photos};

fn touch(dir: &Path, name: &str) {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, b"x").unwrap();
}

fn names(dir: &Path) -> Vec<String> {
    let images = find_images(dir).unwrap();
    images.iter().map(|path| path.strip_prefix(dir).unwrap().display().to_string()).collect()
}

#[test]
fn images_are_found_at_any_depth_in_the_order_of_their_paths() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["b/2.JPG", "a.png", "b/1.jpeg", "c.jpg"] {
        touch(dir.path(), name);
    }
    assert_eq!(names(dir.path()), ["a.png", "b/1.jpeg", "b/2.JPG", "c.jpg"]);
}

#[test]
fn shadows_of_the_finder_and_other_files_are_not_images() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["dog.jpg", "__MACOSX/dog.jpg", "__MACOSX/x/._dog.jpg", "._dog.jpg", "dog.txt", "dog.webp", "jpg"] {
        touch(dir.path(), name);
    }
    assert_eq!(names(dir.path()), ["dog.jpg"]);
}

#[test]
fn equal_names_in_two_folders_are_two_images() {
    let dir = tempfile::tempdir().unwrap();
    touch(dir.path(), "day/dog (1).jpg");
    touch(dir.path(), "night/dog (1).jpg");
    assert_eq!(names(dir.path()), ["day/dog (1).jpg", "night/dog (1).jpg"]);
}

#[test]
fn a_data_set_whose_own_folder_looks_hidden_is_still_read() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("__MACOSX");
    touch(&root, "dog.jpg");
    assert_eq!(names(&root), ["dog.jpg"]);
}

#[test]
fn a_data_set_without_images_says_what_belongs_into_it() {
    let dir = tempfile::tempdir().unwrap();
    touch(dir.path(), "readme.txt");
    let error = find_images(dir.path()).unwrap_err();
    assert!(matches!(error, TrainingError::NoImages));
    assert_eq!(
        error.to_string(),
        "the data set (data_url, or --data on the command line) holds no images; put .jpg, .jpeg or .png files into it"
    );
}

#[test]
fn more_images_than_the_limit_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    for index in 0..=IMAGES_MAX {
        fs::write(dir.path().join(format!("{index}.jpg")), b"").unwrap();
    }
    let error = find_photos(dir.path(), None).unwrap_err().to_string();
    assert_eq!(error, "the data set holds 1001 images, but at most 1000 are trained on; split it");
}

#[test]
fn the_real_zips_hold_five_and_six_images() {
    let zips = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/zips");
    if !zips.is_dir() {
        writeln!(io::stdout(), "skipped: ../shared/data/zips is missing").unwrap();
        return;
    }
    for (name, count) in [("dog_flat.zip", 5), ("dog_nested_macosx.zip", 6)] {
        let dir = tempfile::tempdir().unwrap();
        unpack(&zips.join(name), dir.path());
        let photos = find_photos(dir.path(), None).unwrap();
        assert_eq!(photos.len(), count, "{name}");
        for photo in &photos {
            let picture = training::picture::decode(photo).unwrap();
            assert!(picture.width() >= 512 && picture.height() >= 512, "{}", photo.name.display());
        }
    }
}

fn unpack(zip: &PathBuf, dir: &Path) {
    zip::ZipArchive::new(fs::File::open(zip).unwrap()).unwrap().extract(dir).unwrap();
}
