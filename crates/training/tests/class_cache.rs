//! Pictures of classes that are kept for other trainings: what makes them the same, and which go first.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use protocol::SamplerName;
use training::class_cache::{ClassKey, ClassShelf};
use training::painter::Manner;

fn key(prompt: &str) -> ClassKey {
    ClassKey::new("base", prompt, Manner::usual(64), 555, "fp32 on cpu")
}

fn folder_of(root: &Path, earlier: &[PathBuf]) -> PathBuf {
    let folders = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    folders.into_iter().find(|folder| !earlier.contains(folder)).unwrap()
}

#[test]
fn a_picture_is_found_under_the_key_it_was_kept_under_and_no_other() {
    let root = tempfile::tempdir().unwrap();
    let shelf = ClassShelf::of(root.path(), &key("a dog"));
    assert_eq!(shelf.read(0), None);
    shelf.keep(0, b"png").unwrap();
    assert_eq!(ClassShelf::of(root.path(), &key("a dog")).read(0).as_deref(), Some(b"png".as_slice()));
    assert_eq!(shelf.read(1), None);
    let usual = Manner::usual(64);
    for other in [
        ClassKey::new("another", "a dog", usual, 555, "fp32 on cpu"),
        ClassKey::new("base", "a cat", usual, 555, "fp32 on cpu"),
        ClassKey::new("base", "a dog", Manner::usual(128), 555, "fp32 on cpu"),
        ClassKey::new("base", "a dog", Manner { sampler: SamplerName::EulerA, ..usual }, 555, "fp32 on cpu"),
        ClassKey::new("base", "a dog", Manner { steps: 30, ..usual }, 555, "fp32 on cpu"),
        ClassKey::new("base", "a dog", Manner { cfg_scale: 5.0, ..usual }, 555, "fp32 on cpu"),
        ClassKey::new("base", "a dog", usual, 1, "fp32 on cpu"),
        ClassKey::new("base", "a dog", usual, 555, "bf16 on cuda:0"),
    ] {
        assert_eq!(ClassShelf::of(root.path(), &other).read(0), None, "{other:?}");
    }
    let index = fs::read_to_string(folder_of(root.path(), &[]).join("index.json")).unwrap();
    assert!(index.contains("\"prompt\": \"a dog\""), "a person can see what lies there: {index}");
}

#[test]
fn what_was_not_used_for_the_longest_goes_first_and_the_newest_stays() {
    let root = tempfile::tempdir().unwrap();
    let mut folders = Vec::new();
    let shelves = ["first", "second", "third"].map(|prompt| {
        let shelf = ClassShelf::of(root.path(), &key(prompt));
        shelf.keep(0, &[0; 10_000]).unwrap();
        folders.push(folder_of(root.path(), &folders));
        shelf
    });
    let (now, hour) = (SystemTime::now(), Duration::from_secs(3600));
    for (hours, folder) in [3, 2, 1].into_iter().zip(&folders) {
        let index = File::options().append(true).open(folder.join("index.json")).unwrap();
        index.set_modified(now - hour * hours).unwrap();
    }
    assert!(shelves[0].read(0).is_some(), "used again, so that the second is the oldest");
    shelves[2].evict_others(25_000);
    assert_eq!(folders.iter().map(|folder| folder.is_dir()).collect::<Vec<_>>(), [true, false, true]);
    shelves[2].evict_others(0);
    assert_eq!(folders.iter().map(|folder| folder.is_dir()).collect::<Vec<_>>(), [false, false, true]);
}
