//! A training is a function of its request: the same numbers in every process, and in every release.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use support::{Workshop, fingerprint};

/// Where a process writes what it trained; set by the test for its own children alone.
const FINGERPRINT_FILE: &str = "TRAINING_FINGERPRINT_FILE";

fn train() -> String {
    fingerprint(
        &Workshop::new().trained(&json!({"unet_batch_size": 2, "offset_noise": true, "text_training": "joint"})),
    )
}

/// Runs this test alone in a process of its own; it then only writes the file.
fn train_elsewhere(test: &str, file: &Path) -> String {
    let child =
        Command::new(env::current_exe().unwrap()).args(["--exact", test]).env(FINGERPRINT_FILE, file).output().unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
    fs::read_to_string(file).unwrap()
}

#[test]
fn two_processes_train_the_same_bits() {
    if let Some(file) = env::var_os(FINGERPRINT_FILE) {
        return fs::write(file, train()).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let here = train();
    assert!(here.len() > 10_000, "both networks are in it");
    for name in ["first", "second"] {
        let there = train_elsewhere("two_processes_train_the_same_bits", &folder.path().join(name));
        assert!(here == there, "the {name} other process trained other bits");
    }
}

/// Photos to losses, with all that lies between: sorted files, scaled and cropped pictures, latents, noise, order. Another
/// processor rounds differently, by less than the tolerance; another draw changes a loss by percents.
#[test]
fn the_losses_of_a_training_are_the_same_in_every_release() {
    let workshop = Workshop::new();
    let assert_losses = |changes: Value, expected: [&[f64]; 2]| {
        let stages = workshop.trained(&changes).report.stages;
        let found: Vec<&[f64]> = stages.iter().map(|stage| stage.losses.as_slice()).collect();
        let close = |(found, expected): (&f64, &f64)| (found / expected - 1.0).abs() < 1e-4;
        let same = |(found, expected): (&&[f64], &&[f64])| {
            found.len() == expected.len() && found.iter().zip(*expected).all(close)
        };
        assert!(found.len() == 2 && found.iter().zip(&expected).all(same), "{changes}: {found:?}, not {expected:?}");
    };
    assert_losses(json!({}), [&[1.081_799_7, 1.166_586_6, 1.141_497_0], &[1.081_507_2, 1.164_833_7, 1.140_475_6]]);
    assert_losses(
        json!({"text_seed": 1, "unet_seed": 4_294_967_295_u32, "unet_batch_size": 2, "offset_noise": true, "unet_epochs": 2}),
        [&[1.229_942_3, 0.975_173_0, 1.319_012_0], &[1.057_283_5, 1.147_509_1, 1.196_215_5, 1.135_716_8]],
    );
}
