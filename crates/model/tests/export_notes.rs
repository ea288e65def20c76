//! What an exported file says of itself: for other programs, for its owner, and with a hash that names its weights.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::Path;

use model::weights::RandomSource;
use model::weights::named_tensors::NamedTensorFile;
use model::{ExportNotes, ModelConfig, PredictionType, export};
use serde_json::json;
use sha2::{Digest, Sha256};
use support::tiny_config;

fn notes() -> ExportNotes {
    ExportNotes {
        concepts: vec!["zwx dog".to_owned(), "qqq \"mug\"".to_owned()],
        base_model: Some("owner/name@main".to_owned()),
        settings: Some(json!({ "lr_schedule": "polynomial", "unet_epochs": 20 })),
        resolution: Some((512, 768)),
        ema: true,
        libtorch: Some("2.11.0".to_owned()),
        date: Some("2025-01-31".to_owned()),
    }
}

fn v_prediction() -> ModelConfig {
    let mut config = tiny_config();
    config.schedule.prediction_type = PredictionType::VPrediction;
    config
}

/// As kohya and AUTOMATIC1111 compute it: everything behind the header.
fn hash_of_data(path: &Path) -> String {
    let bytes = fs::read(path).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    hex::encode(Sha256::digest(&bytes[8 + header..]))
}

#[test]
fn a_safetensors_file_tells_where_it_comes_from() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dog.safetensors");
    let exported = export(&path, &v_prediction(), &RandomSource::new(1), &notes()).unwrap();
    assert_eq!(exported.bytes, fs::metadata(&path).unwrap().len());
    assert_eq!(exported.data_sha256, hash_of_data(&path));
    let file = NamedTensorFile::open(&path).unwrap();
    let program = concat!("dreambooth ", env!("CARGO_PKG_VERSION"));
    let hash = format!("0x{}", exported.data_sha256);
    for (key, text) in [
        ("format", "pt"),
        ("modelspec.sai_model_spec", "1.0.0"),
        ("modelspec.architecture", "stable-diffusion-v1"),
        ("modelspec.title", "zwx dog, qqq \"mug\""),
        ("modelspec.trigger_phrase", "zwx dog, qqq \"mug\""),
        ("modelspec.resolution", "512x768"),
        ("modelspec.prediction_type", "v"),
        ("modelspec.date", "2025-01-31"),
        ("modelspec.hash_sha256", &hash),
        ("dreambooth.prediction_type", "v_prediction"),
        ("dreambooth.concepts", r#"["zwx dog","qqq \"mug\""]"#),
        ("dreambooth.base_model", "owner/name@main"),
        ("dreambooth.settings", r#"{"lr_schedule":"polynomial","unet_epochs":20}"#),
        ("dreambooth.version", program),
        ("dreambooth.libtorch", "2.11.0"),
        ("dreambooth.ema", "true"),
    ] {
        assert_eq!(file.metadata().get(key).map(String::as_str), Some(text), "{key}");
    }
}

#[test]
fn both_formats_tell_the_same_hash_and_the_notes_do_not_change_it() {
    let folder = tempfile::tempdir().unwrap();
    let [ckpt, safetensors, plain] = ["a.ckpt", "a.safetensors", "b.safetensors"].map(|name| folder.path().join(name));
    let [first, second] =
        [&ckpt, &safetensors].map(|path| export(path, &tiny_config(), &RandomSource::new(1), &notes()).unwrap());
    let third = export(&plain, &tiny_config(), &RandomSource::new(1), &ExportNotes::default()).unwrap();
    assert_eq!(first.data_sha256, second.data_sha256);
    assert_eq!(third.data_sha256, second.data_sha256);
    let other = export(&plain, &tiny_config(), &RandomSource::new(2), &notes()).unwrap();
    assert_ne!(other.data_sha256, second.data_sha256);
    // The pickle is stored as it is: each text behind its key and the five bytes that begin a text.
    let bytes = fs::read(&ckpt).unwrap();
    let hash = format!("0x{}", first.data_sha256);
    for (key, text) in [("modelspec.hash_sha256", hash.as_str()), ("dreambooth.base_model", "owner/name@main")] {
        let place = bytes.windows(key.len()).position(|window| window == key.as_bytes()).unwrap() + key.len() + 5;
        assert_eq!(&bytes[place..place + text.len()], text.as_bytes(), "{key}");
    }
}

#[test]
fn a_file_about_which_nothing_is_known_says_nothing_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    export(&path, &tiny_config(), &RandomSource::new(1), &ExportNotes::default()).unwrap();
    let file = NamedTensorFile::open(&path).unwrap();
    let keys: Vec<&str> = file.metadata().keys().map(String::as_str).collect();
    let expected = [
        "dreambooth.model_config",
        "dreambooth.prediction_type",
        "dreambooth.version",
        "format",
        "modelspec.architecture",
        "modelspec.hash_sha256",
        "modelspec.implementation",
        "modelspec.prediction_type",
        "modelspec.resolution",
        "modelspec.sai_model_spec",
        "modelspec.title",
    ];
    assert_eq!(keys, expected);
}
