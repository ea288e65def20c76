//! A checkpoint may be whole and yet not fit the networks, such as one of another version of this program.

use std::collections::BTreeMap;
use std::fs;

use model::weights::named_tensors::{self, NamedTensorFile, Written};
use protocol::{Leave, Stage};
use serde_json::{Value, json};
use training::{NamedTensors, remove_checkpoints};

use crate::support::{Workshop, fingerprint};
use crate::{checkpoints, file, finish, leave_at};

/// Writes a file of a checkpoint anew with other tensors, and its right hash into the manifest.
fn make_unfit(workshop: &Workshop, checkpoint: &str, name: &str, change: fn(&mut NamedTensors)) {
    let path = file(workshop, checkpoint, name);
    let old = NamedTensorFile::open(&path).unwrap();
    let mut tensors: NamedTensors =
        old.names().into_iter().map(|name| (name.to_owned(), old.tensor(name).unwrap())).collect();
    change(&mut tensors);
    // The text encoder's file has a second name.
    fs::remove_file(&path).unwrap();
    let written =
        named_tensors::write(&mut fs::File::create(&path).unwrap(), &path, &tensors, &BTreeMap::new()).unwrap();
    rewrite_manifest(workshop, checkpoint, name, &written);
}

fn rewrite_manifest(workshop: &Workshop, checkpoint: &str, name: &str, written: &Written) {
    let path = file(workshop, checkpoint, "manifest.json");
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let mut files = manifest["files"].as_array_mut().unwrap().iter_mut();
    let content = files.find(|content| content["name"] == name).unwrap();
    (content["bytes"], content["sha256"]) = (written.bytes.into(), written.sha256.clone().into());
    fs::write(&path, manifest.to_string()).unwrap();
}

fn shorten(tensors: &mut NamedTensors) {
    let (_, tensor) = tensors.iter_mut().find(|(_, tensor)| tensor.dim() == 2).unwrap();
    *tensor = tensor.narrow(0, 0, 1).contiguous();
}

#[test]
fn a_checkpoint_that_does_not_fit_the_networks_is_told_of_and_the_one_before_is_used() {
    let changes = json!({"unet_epochs": 2});
    let expected = fingerprint(&Workshop::new().trained(&changes));
    let workshop = Workshop::new();
    let assert_goes_on_from = |step: u64, stage: Stage, warnings: &[&str]| {
        let (resumed, told) = finish(&workshop, &changes);
        let warned: Vec<&String> =
            told.iter().filter(|message| message.contains("does not fit the networks")).collect();
        assert_eq!(warned.len(), warnings.len(), "{told:?}");
        assert!(warned.iter().zip(warnings).all(|(warned, words)| warned.contains(words)), "{warned:?}");
        assert!(told.last().unwrap().contains(&format!("after step {step} of the {stage} stage")), "{told:?}");
        assert!(fingerprint(&resumed) == expected);
        assert_eq!(resumed.report.resumed, 1);
        assert_eq!(resumed.report.stages.iter().map(|stage| stage.losses.len()).collect::<Vec<_>>(), [3, 6]);
        remove_checkpoints(workshop.scratch.path()).unwrap();
    };

    leave_at(&workshop, &changes, (Stage::Unet, 4), Some(1), Leave::Keep);
    make_unfit(&workshop, "unet-4", "state.safetensors", shorten);
    assert_goes_on_from(3, Stage::Unet, &["unet-4 does not fit the networks and is not used: state.safetensors: "]);

    leave_at(&workshop, &changes, (Stage::Unet, 1), Some(1), Leave::Keep);
    assert_eq!(checkpoints(&workshop), ["unet-0", "unet-1"]);
    make_unfit(&workshop, "unet-1", "text_encoder.safetensors", |tensors| drop(tensors.remove(0)));
    assert_goes_on_from(0, Stage::Unet, &["text_encoder.safetensors: there is no tensor "]);

    leave_at(&workshop, &changes, (Stage::Text, 2), Some(1), Leave::Keep);
    make_unfit(&workshop, "text-2", "state.safetensors", shorten);
    assert_goes_on_from(1, Stage::Text, &["text-2 does not fit"]);
}

#[test]
fn when_none_fits_the_training_starts_anew() {
    let workshop = Workshop::new();
    leave_at(&workshop, &json!({}), (Stage::Unet, 2), Some(1), Leave::Keep);
    for checkpoint in checkpoints(&workshop) {
        make_unfit(&workshop, &checkpoint, "text_encoder.safetensors", shorten);
    }
    let (resumed, told) = finish(&workshop, &json!({}));
    assert_eq!(told.iter().filter(|message| message.contains("does not fit the networks")).count(), 2, "{told:?}");
    assert_eq!(resumed.report.resumed, 0);
    assert!(fingerprint(&resumed) == fingerprint(&Workshop::new().trained(&json!({}))));
}
