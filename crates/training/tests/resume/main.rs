//! A training that was left goes on: in every mode, from what is whole, and only where it belongs.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;
mod unfit;

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;

use engine::Precision;
use protocol::{JobEvent, Leave, Stage};
use serde_json::{Value, json};
use support::{Workshop, fingerprint};
use training::{Trained, TrainingError, remove_checkpoints};

/// Trains until a step is reached, and leaves; gives what was said of checkpoints.
fn leave_at(workshop: &Workshop, changes: &Value, at: (Stage, u64), every: Option<u32>, how: Leave) -> Vec<String> {
    let (trained, told) = run(workshop, changes, Some((at, how)), every);
    assert!(matches!(trained, Err(TrainingError::Stopped)), "it was left");
    told
}

/// Trains to the end.
fn finish(workshop: &Workshop, changes: &Value) -> (Trained, Vec<String>) {
    let (trained, told) = run(workshop, changes, None, None);
    (trained.unwrap(), told)
}

fn run(
    workshop: &Workshop,
    changes: &Value,
    leave: Option<((Stage, u64), Leave)>,
    every: Option<u32>,
) -> (Result<Trained, TrainingError>, Vec<String>) {
    let (last, told) = (RefCell::new(None), RefCell::new(Vec::new()));
    let mut observer = |event| match event {
        JobEvent::Step { stage, step, .. } => *last.borrow_mut() = Some((stage, step)),
        JobEvent::Note { message } | JobEvent::Warning { message } => told.borrow_mut().push(message),
        _ => {}
    };
    let word = || leave.filter(|(at, _)| *last.borrow() == Some(*at)).map(|(_, how)| how);
    let trained = workshop.run_with(changes, every, &mut observer, &word);
    let about_checkpoints =
        |message: &String| ["checkpoint", "Checkpoint", "goes on"].iter().any(|words| message.contains(words));
    (trained, told.into_inner().into_iter().filter(about_checkpoints).collect())
}

/// The checkpoints there are, by name.
fn checkpoints(workshop: &Workshop) -> Vec<String> {
    let entries = fs::read_dir(workshop.scratch.path().join("checkpoints")).into_iter().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn file(workshop: &Workshop, checkpoint: &str, name: &str) -> PathBuf {
    workshop.scratch.path().join("checkpoints").join(checkpoint).join(name)
}

type Damage = fn(&PathBuf);

fn flip_a_byte(path: &PathBuf) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// Leaves in each of the `stages` at its second step, goes on, and compares with an undisturbed training.
fn assert_resumes(mut workshop: Workshop, precision: Precision, changes: &Value, stages: &[Stage]) {
    workshop.precision = precision;
    let undisturbed = finish(&workshop, changes).0;
    remove_checkpoints(workshop.scratch.path()).unwrap();
    for stage in stages {
        leave_at(&workshop, changes, (*stage, 2), None, Leave::Keep);
        assert!(checkpoints(&workshop).contains(&format!("{stage}-2")), "{changes}");
    }
    let (resumed, told) = finish(&workshop, changes);
    assert_eq!(
        told,
        [format!("The training was interrupted; it goes on after step 2 of the {} stage.", stages.last().unwrap())]
    );
    assert!(fingerprint(&resumed) == fingerprint(&undisturbed), "other bits: {changes}");
    assert_eq!(resumed.report.resumed as usize, stages.len());
    for (resumed, undisturbed) in resumed.report.stages.iter().zip(&undisturbed.report.stages) {
        assert_eq!(resumed.losses, undisturbed.losses);
        assert_eq!(resumed.gradient_norms, undisturbed.gradient_norms);
        assert_eq!(resumed.learning_rates, undisturbed.learning_rates);
        assert_eq!(resumed.validation, undisturbed.validation);
        assert_eq!((resumed.steps, resumed.trained_parameters), (undisturbed.steps, undisturbed.trained_parameters));
    }
    remove_checkpoints(workshop.scratch.path()).unwrap();
    assert_eq!(fs::read_dir(workshop.scratch.path()).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn every_mode_goes_on_to_the_bit() {
    let both = [Stage::Text, Stage::Unet];
    for changes in [
        json!({"text_training": "joint", "gradient_accumulation_steps": 2, "unet_epochs": 2}),
        json!({"text_training": "frozen_unet", "ema_decay": 0.9, "offset_noise": true, "held_out_images": 1, "validation_steps": 1}),
        json!({"text_8_bit_adam": true, "unet_8_bit_adam": true, "gradient_checkpointing": true}),
        json!({"network": "lora", "lora_rank": 2}),
    ] {
        assert_resumes(Workshop::new(), Precision::Fp32, &changes, &both);
    }
    let keep = json!({"text_training": "joint_keep", "text_steps": 1});
    assert_resumes(Workshop::new(), Precision::Fp32, &keep, &[Stage::Unet]);
}

#[test]
fn shadows_in_bf16_are_made_again_from_their_masters() {
    let both = [Stage::Text, Stage::Unet];
    assert_resumes(Workshop::new(), Precision::Bf16, &json!({"ema_decay": 0.9}), &both);
}

#[test]
fn a_finished_text_stage_is_not_done_again() {
    let workshop = Workshop::new();
    leave_at(&workshop, &json!({}), (Stage::Unet, 1), None, Leave::Drop);
    assert_eq!(checkpoints(&workshop), ["unet-0"], "what the text stage left is kept before the first step");
    assert!(!file(&workshop, "unet-0", "state.safetensors").exists());
    let (resumed, told) = finish(&workshop, &json!({}));
    assert_eq!(told, ["The training was interrupted; it goes on after step 0 of the unet stage."]);
    assert!(fingerprint(&resumed) == fingerprint(&Workshop::new().trained(&json!({}))));
}

#[test]
fn two_checkpoints_are_kept() {
    let workshop = Workshop::new();
    leave_at(&workshop, &json!({"unet_epochs": 2}), (Stage::Unet, 5), Some(1), Leave::Keep);
    assert_eq!(checkpoints(&workshop), ["unet-4", "unet-5"]);
}

#[test]
fn a_broken_checkpoint_is_told_of_and_the_one_before_is_used() {
    let expected = fingerprint(&Workshop::new().trained(&json!({"unet_epochs": 2})));
    let changes = json!({"unet_epochs": 2});
    let damages: [(&str, Damage); 6] = [
        ("state.safetensors", flip_a_byte),
        ("state.safetensors", |path| fs::File::options().write(true).open(path).unwrap().set_len(1000).unwrap()),
        ("text_encoder.safetensors", |path| fs::remove_file(path).unwrap()),
        ("history.json", flip_a_byte),
        ("manifest.json", |path| fs::remove_file(path).unwrap()),
        ("manifest.json", |path| fs::write(path, "{").unwrap()),
    ];
    let workshop = Workshop::new();
    for (name, damage) in damages {
        leave_at(&workshop, &changes, (Stage::Unet, 4), Some(1), Leave::Keep);
        assert_eq!(checkpoints(&workshop), ["unet-3", "unet-4"]);
        damage(&file(&workshop, "unet-4", name));
        let (resumed, told) = finish(&workshop, &changes);
        let [warning, note] = &told[..] else { panic!("{name}: {told:?}") };
        assert!(warning.starts_with("The checkpoint unet-4 is not whole and is not used: ") && warning.contains(name));
        assert!(note.contains("after step 3 of the unet stage"), "{note}");
        assert!(fingerprint(&resumed) == expected, "{name}");
        remove_checkpoints(workshop.scratch.path()).unwrap();
    }
}

#[test]
fn when_none_is_whole_the_training_starts_anew() {
    let workshop = Workshop::new();
    let changes = json!({"unet_epochs": 2});
    leave_at(&workshop, &changes, (Stage::Unet, 4), Some(1), Leave::Keep);
    for checkpoint in checkpoints(&workshop) {
        flip_a_byte(&file(&workshop, &checkpoint, "state.safetensors"));
    }
    let (resumed, told) = finish(&workshop, &changes);
    assert!(told.len() == 2 && told.iter().all(|warning| warning.contains("is not whole")), "{told:?}");
    assert_eq!(resumed.report.resumed, 0);
    assert!(fingerprint(&resumed) == fingerprint(&Workshop::new().trained(&changes)));
}

#[test]
fn checkpoints_of_another_training_are_removed_and_not_used() {
    let workshop = Workshop::new();
    let assert_starts_anew = |changes: &Value, words: &str| {
        let (trained, told) = finish(&workshop, changes);
        assert!(told.len() == 1 && told[0].contains(words) && told[0].contains("are removed"), "{told:?}");
        assert_eq!(trained.report.resumed, 0);
        remove_checkpoints(workshop.scratch.path()).unwrap();
    };
    leave_at(&workshop, &json!({}), (Stage::Text, 2), None, Leave::Keep);
    assert_starts_anew(&json!({"text_learning_rate": 2e-4}), "with other settings");
    leave_at(&workshop, &json!({}), (Stage::Text, 2), None, Leave::Keep);
    fs::write(workshop.images.path().join("sks dog (1).txt"), "a dog").unwrap();
    assert_starts_anew(&json!({}), "with other images");
}

#[test]
fn another_number_of_threads_is_said_and_used() {
    let workshop = Workshop::new();
    leave_at(&workshop, &json!({}), (Stage::Text, 2), None, Leave::Keep);
    let manifest = file(&workshop, "text-2", "manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    let threads = engine::libtorch::threads();
    let other = text
        .replace(&format!("\"threads\":{threads}"), "\"threads\":77")
        .replace("\"libtorch\":\"2.", "\"libtorch\":\"1.");
    assert_ne!(other, text);
    fs::write(&manifest, other).unwrap();
    let (resumed, told) = finish(&workshop, &json!({}));
    let [note, warning] = &told[..] else { panic!("{told:?}") };
    assert!(note.contains("goes on after step 2 of the text stage"));
    let words = [format!("threads: {threads} instead of 77"), "libtorch 2.".into(), "bits may differ".into()];
    assert!(words.iter().all(|words| warning.contains(words)), "{warning}");
    assert_eq!(resumed.report.resumed, 1);
}

#[test]
fn a_text_stage_that_is_left_after_its_last_step_goes_on_with_the_next_stage() {
    let workshop = Workshop::new();
    leave_at(&workshop, &json!({}), (Stage::Text, 3), None, Leave::Keep);
    assert_eq!(checkpoints(&workshop), ["text-3"]);
    let (resumed, _) = finish(&workshop, &json!({}));
    assert!(fingerprint(&resumed) == fingerprint(&Workshop::new().trained(&json!({}))));
}

#[test]
fn the_meter_goes_on_where_it_was() {
    let workshop = Workshop::new();
    leave_at(&workshop, &json!({}), (Stage::Unet, 2), None, Leave::Keep);
    let mut steps = Vec::new();
    let mut observer = |event| match event {
        JobEvent::Step { stage, step, total, .. } if stage != Stage::Prepare => steps.push((stage, step, total)),
        _ => {}
    };
    workshop.run_with(&json!({}), None, &mut observer, &|| None).unwrap();
    assert_eq!(steps, [(Stage::Unet, 3, 3)]);
}

#[test]
fn a_lora_goes_on_with_its_activations_as_it_began_whatever_memory_is_free_now() {
    let workshop = Workshop::new();
    let (lora, recomputing) = (json!({"network": "lora"}), json!({"network": "lora", "gradient_checkpointing": true}));
    let expected = fingerprint(&workshop.trained(&recomputing));
    // A training of `lora` on a machine with little memory: what one that was told to recompute leaves, but for the settings.
    let manifest = |workshop: &Workshop| -> Value {
        serde_json::from_slice(&fs::read(file(workshop, "unet-2", "manifest.json")).unwrap()).unwrap()
    };
    leave_at(&workshop, &lora, (Stage::Unet, 2), None, Leave::Keep);
    let identity = manifest(&workshop)["identity"].take();
    remove_checkpoints(workshop.scratch.path()).unwrap();
    leave_at(&workshop, &recomputing, (Stage::Unet, 2), None, Leave::Keep);
    let mut changed = manifest(&workshop);
    changed["identity"] = identity;
    fs::write(file(&workshop, "unet-2", "manifest.json"), changed.to_string()).unwrap();

    let (resumed, told) = finish(&workshop, &lora);
    assert!(told.len() == 1 && told[0].contains("goes on after step 2 of the unet stage"), "{told:?}");
    assert!(resumed.report.stages[1].memory_layout.as_ref().unwrap().recomputed);
    assert!(fingerprint(&resumed) == expected);
}
