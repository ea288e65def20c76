//! A kept file is whole, has the rights it was given, and leaves nothing beside it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use durable::{
    Access, create_private_dir, folder_beside, keep, keep_folder, part_beside, write, write_from, write_linked,
    write_new,
};

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// The mode that a plain new file has here, by the umask of the test's process.
fn usual_mode(dir: &Path) -> u32 {
    let plain = dir.join("plain");
    fs::write(&plain, "").unwrap();
    let usual = mode(&plain);
    fs::remove_file(plain).unwrap();
    usual
}

#[test]
fn a_file_is_replaced_by_what_was_written_and_nothing_stays_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("report.json");
    fs::write(&target, "old and longer").unwrap();
    let told = write(&target, Access::Usual, |file| file.write_all(b"new").map(|()| 3)).unwrap();
    assert_eq!((told, fs::read(&target).unwrap().as_slice()), (3, &b"new"[..]));
    assert_eq!(write_from(&target, Access::Usual, &mut &b"newer"[..]).unwrap(), 5);
    assert_eq!(fs::read(&target).unwrap(), b"newer");
    assert_eq!(names(dir.path()), ["report.json"]);
}

#[test]
fn a_writer_that_fails_half_way_leaves_the_old_file_and_no_piece() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("model.safetensors");
    fs::write(&target, "old").unwrap();
    let half = |file: &mut fs::File| -> io::Result<()> {
        file.write_all(b"half")?;
        Err(io::Error::other("the device was lost"))
    };
    assert_eq!(write(&target, Access::Usual, half).unwrap_err().to_string(), "the device was lost");
    write_new(&dir.path().join("other"), Access::Usual, half).unwrap_err();
    assert_eq!(fs::read(&target).unwrap(), b"old");
    assert_eq!(names(dir.path()), ["model.safetensors"]);
}

#[test]
fn a_private_file_is_its_owners_and_a_usual_one_follows_the_umask() {
    let dir = tempfile::tempdir().unwrap();
    let (private, usual) = (dir.path().join("url.key"), dir.path().join("model.ckpt"));
    // A wider file of before does not widen the new one.
    fs::write(&private, "old").unwrap();
    fs::set_permissions(&private, fs::Permissions::from_mode(0o644)).unwrap();
    write_from(&private, Access::Private, &mut &b"key"[..]).unwrap();
    write_from(&usual, Access::Usual, &mut &b"model"[..]).unwrap();
    assert_eq!(mode(&private), 0o600);
    assert_eq!(mode(&usual), usual_mode(dir.path()));
}

#[test]
fn a_file_that_is_made_once_is_made_by_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("master.key");
    let make = |text: &'static str| {
        let target = target.clone();
        move || write_new(&target, Access::Private, |file| file.write_all(text.as_bytes())).unwrap()
    };
    let winners = std::thread::scope(|scope| {
        let threads: Vec<_> = ["one", "two", "six"].into_iter().map(|text| scope.spawn(make(text))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).filter(|won| *won).count()
    });
    assert_eq!(winners, 1);
    let kept = fs::read(&target).unwrap();
    assert!(!make("ten")());
    assert_eq!(fs::read(&target).unwrap(), kept);
    assert_eq!((names(dir.path()), mode(&target)), (vec!["master.key".to_owned()], 0o600));
}

#[test]
fn a_linked_file_shares_its_bytes_and_replaces_what_was_there() {
    let dir = tempfile::tempdir().unwrap();
    let (source, target) = (dir.path().join("source"), dir.path().join("target"));
    fs::write(&source, "two gigabytes").unwrap();
    fs::write(&target, "old").unwrap();
    // The second time both names are of one file already.
    for _ in 0..2 {
        write_linked(&target, |path| fs::hard_link(&source, path)).unwrap();
        assert_eq!(names(dir.path()), ["source", "target"]);
    }
    fs::remove_file(source).unwrap();
    assert_eq!(fs::read(&target).unwrap(), b"two gigabytes");
    write_linked(&target, |path| fs::hard_link("/nowhere/at/all", path)).unwrap_err();
    assert_eq!(
        (names(dir.path()), fs::read(&target).unwrap().as_slice()),
        (vec!["target".to_owned()], &b"two gigabytes"[..])
    );
}

#[test]
fn a_part_is_hidden_until_it_is_kept_and_vanishes_when_it_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("photos.zip");
    let mut part = part_beside(&target, Access::Private).unwrap();
    part.write_all(b"photos").unwrap();
    let name = names(dir.path()).remove(0);
    assert!(name.starts_with('.') && Path::new(&name).extension().unwrap() == durable::PART_EXTENSION, "{name}");
    keep(part, &target).unwrap();
    drop(part_beside(&target, Access::Private).unwrap());
    assert_eq!(names(dir.path()), ["photos.zip"]);
    assert_eq!(fs::read(&target).unwrap(), b"photos");
}

#[test]
fn a_private_folder_shuts_out_others_whether_it_is_new_or_not() {
    let dir = tempfile::tempdir().unwrap();
    let new = dir.path().join("data/artifacts/job");
    create_private_dir(&new).unwrap();
    for folder in ["data", "data/artifacts", "data/artifacts/job"] {
        assert_eq!(mode(&dir.path().join(folder)), 0o700, "{folder}");
    }
    fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
    create_private_dir(&new).unwrap();
    assert_eq!(mode(&new), 0o700);
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    create_private_dir(&file).unwrap_err();
    create_private_dir(&file.join("below")).unwrap_err();
    create_private_dir(Path::new("")).unwrap_err();
}

#[test]
fn a_folder_appears_whole_and_replaces_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("model");
    for (file, text) in [("old", "1"), ("new", "2")] {
        let part = folder_beside(&target).unwrap();
        fs::create_dir(part.path().join("unet")).unwrap();
        fs::write(part.path().join("unet").join(file), text).unwrap();
        assert!(!target.join("unet").join(file).exists());
        keep_folder(part, &target).unwrap();
        assert_eq!(names(&target.join("unet")), [file]);
        assert_eq!(names(dir.path()), ["model"]);
    }
    drop(folder_beside(&target).unwrap());
    assert_eq!(names(dir.path()), ["model"]);
    let usual = usual_mode(dir.path());
    assert_eq!(mode(&target) & 0o666, usual);
}
