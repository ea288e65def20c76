//! A diffusers folder out: our own reader sees the bits of the single file, and it appears whole or not at all.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::Path;

use model::weights::{FolderSource, RandomSource, SingleFileSource, TensorSpec, inventory};
use model::{
    BaseModel, ExportNotes, ModelConfig, ModelError, ModelReference, Part, PredictionType, Tokenizer, WeightSource,
    export, export_diffusers,
};
use serde_json::Value;
use support::tiny_config;

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn a_folder_holds_the_bits_of_the_single_file_and_its_configuration() {
    let target = tempfile::tempdir().unwrap();
    let [folder, file] = ["model", "model.safetensors"].map(|name| target.path().join(name));
    let mut config = tiny_config();
    config.schedule.prediction_type = PredictionType::VPrediction;
    let (source, notes) = (RandomSource::new(3), ExportNotes::default());
    export_diffusers(&folder, &config, &source, &notes).unwrap();
    export(&file, &config, &source, &notes).unwrap();

    let base = BaseModel::open(&ModelReference::Folder(folder.clone())).unwrap();
    assert_eq!(base.config(), &config);
    let (folder, file) = (FolderSource::open(&folder).unwrap(), SingleFileSource::open(&file).unwrap());
    for TensorSpec { part, name, shape } in inventory(&config).unwrap() {
        let [first, second] = [&folder as &dyn WeightSource, &file].map(|s| s.tensor(part, &name, &shape).unwrap());
        assert!(first.kind() == second.kind() && first.equal(&second), "{name}");
    }
}

#[test]
fn the_folder_has_what_a_pipeline_is_made_of() {
    let target = tempfile::tempdir().unwrap();
    let folder = target.path().join("model");
    let notes = ExportNotes { concepts: vec!["zwx".to_owned()], resolution: Some((768, 512)), ..Default::default() };
    export_diffusers(&folder, &ModelConfig::mini(), &RandomSource::new(0), &notes).unwrap();
    let parts = ["dreambooth.json", "model_index.json", "scheduler", "text_encoder", "tokenizer", "unet", "vae"];
    assert_eq!(names(&folder), parts);
    assert_eq!(names(target.path()), ["model"]);
    let tokenizer = ["merges.txt", "special_tokens_map.json", "tokenizer_config.json", "vocab.json"];
    assert_eq!(names(&folder.join("tokenizer")), tokenizer);
    let index = json(&folder.join("model_index.json"));
    assert_eq!(index["_class_name"], "StableDiffusionPipeline");
    assert_eq!(index["tokenizer"][1], "CLIPTokenizer");
    assert_eq!(json(&folder.join("unet/config.json"))["sample_size"], 64);
    assert_eq!(json(&folder.join("dreambooth.json"))["dreambooth.concepts"], "[\"zwx\"]");

    let vocabulary = json(&folder.join("tokenizer/vocab.json"));
    assert_eq!(vocabulary.as_object().unwrap().len(), 49408);
    assert_eq!(vocabulary["<|endoftext|>"], 49407);
    // A common word is one piece, and has the number that our own tokenizer gives it.
    assert_eq!(Tokenizer::clip().encode("photo"), [vocabulary["photo</w>"].as_i64().unwrap()]);
    let merges = fs::read_to_string(folder.join("tokenizer/merges.txt")).unwrap();
    assert_eq!(merges.lines().count(), 48895);
    assert!(merges.starts_with("#version: 0.2\ni n\nt h\n"));
}

/// A source whose last network cannot be read.
struct WithoutVae;

impl WeightSource for WithoutVae {
    fn tensor(&self, part: Part, name: &str, shape: &[i64]) -> Result<engine::tch::Tensor, ModelError> {
        match part {
            Part::Vae => Err(ModelError::NotTrained(name.to_owned())),
            Part::Unet | Part::TextEncoder => RandomSource::new(0).tensor(part, name, shape),
        }
    }
}

#[test]
fn a_failed_export_leaves_the_old_folder_and_nothing_else() {
    let target = tempfile::tempdir().unwrap();
    let folder = target.path().join("model");
    let notes = ExportNotes::default();
    assert!(export_diffusers(&folder, &tiny_config(), &WithoutVae, &notes).is_err());
    assert!(names(target.path()).is_empty());
    export_diffusers(&folder, &tiny_config(), &RandomSource::new(0), &notes).unwrap();
    let before = fs::read(folder.join("unet/diffusion_pytorch_model.safetensors")).unwrap();
    assert!(export_diffusers(&folder, &tiny_config(), &WithoutVae, &notes).is_err());
    assert_eq!(names(target.path()), ["model"]);
    assert!(fs::read(folder.join("unet/diffusion_pytorch_model.safetensors")).unwrap() == before);
}
