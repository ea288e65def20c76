//! A running service and the files it downloads, for tests of the whole program.

pub(crate) mod files;
pub(crate) mod processes;
pub(crate) mod service;
pub(crate) mod worker;

pub(crate) use files::{FileServer, photo, photos_zip, zip_of};
pub(crate) use service::Service;
pub(crate) use worker::Worker;

use std::path::PathBuf;

/// The program under test.
pub(crate) fn program() -> PathBuf {
    env!("CARGO_BIN_EXE_dreambooth").into()
}

/// A training that a tiny random model ends within seconds.
pub(crate) fn quick_training(data_url: &str) -> serde_json::Value {
    serde_json::json!({
        "data_url": data_url,
        "concept_name": "wixbs",
        "text_steps": 2,
        "text_resolution": 64,
        "unet_epochs": 2,
        "unet_resolution": 64,
    })
}

/// The same with as many passes over the photos as a test needs to come in between.
pub(crate) fn longer_training(data_url: &str, unet_epochs: u32) -> serde_json::Value {
    let mut training = quick_training(data_url);
    training["unet_epochs"] = unet_epochs.into();
    training
}

/// A picture that a tiny random model draws within seconds.
pub(crate) fn quick_picture() -> serde_json::Value {
    serde_json::json!({ "prompt": "wixbs", "steps": 2, "width": 64, "height": 64, "seed": 7 })
}

/// A random miniature as one file, made by `convert`.
pub(crate) fn checkpoint(dir: &std::path::Path) -> Vec<u8> {
    let file = dir.join("base.safetensors");
    let made = std::process::Command::new(program())
        .args(["convert", "--from", "random:mini@9", "--to"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    std::fs::read(file).unwrap()
}
