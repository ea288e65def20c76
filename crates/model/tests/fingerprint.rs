//! A fingerprint tells models apart, not the places where they lie.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use model::{BaseModel, ModelReference};

fn fingerprint(reference: &str) -> String {
    BaseModel::open(&reference.parse().unwrap()).unwrap().fingerprint().unwrap()
}

fn of_file(path: &Path) -> String {
    BaseModel::open(&ModelReference::File(path.to_owned())).unwrap().fingerprint().unwrap()
}

#[test]
fn other_weights_have_another_fingerprint() {
    assert_eq!(fingerprint("random:mini@1"), fingerprint("random:mini@1"));
    assert_ne!(fingerprint("random:mini@1"), fingerprint("random:mini@2"));
}

#[test]
fn the_same_weights_have_the_same_wherever_they_lie_and_in_either_format() {
    let dir = tempfile::tempdir().unwrap();
    let base = BaseModel::open(&"random:mini@1".parse().unwrap()).unwrap();
    let files = ["one.safetensors", "two.safetensors", "three.ckpt"].map(|name| dir.path().join(name));
    files.iter().for_each(|file| base.export(file).unwrap());
    let [one, two, three] = [&files[0], &files[1], &files[2]].map(|file| of_file(file));
    assert_eq!((&one, &one), (&two, &three));
}
