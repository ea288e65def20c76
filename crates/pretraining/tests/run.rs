//! A run: what it keeps, and that an interruption changes nothing.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use engine::Precision;
use engine::tch::{Device, Kind, Tensor};
use model::config::HeadCounts;
use model::weights::{ExportNotes, RandomSource, export};
use model::{ModelConfig, TextConfig, UNetConfig};
use pretraining::embedding::embed;
use pretraining::recipe::Recipe;
use pretraining::run::run;
use pretraining::run_folder::RunFolder;
use pretraining::start;
use training::latents::{Distribution, LatentCache};

const PICTURES: u64 = 40;

fn recipe(steps: u64) -> Recipe {
    Recipe { seed: 3, pictures: PICTURES, steps, precision: Precision::Fp32 }
}

/// The miniature in a miniature of its own.
fn tiny() -> ModelConfig {
    let sizes = start::sizes();
    ModelConfig {
        text: TextConfig {
            hidden_size: 32,
            intermediate_size: 32,
            num_hidden_layers: 1,
            num_attention_heads: 1,
            ..sizes.text
        },
        unet: UNetConfig {
            block_out_channels: vec![32, 32],
            down_block_types: sizes.unet.down_block_types[..2].to_vec(),
            up_block_types: sizes.unet.up_block_types[..2].to_vec(),
            cross_attention_dim: 32,
            attention_head_dim: HeadCounts::All(1),
            ..sizes.unet
        },
        ..sizes
    }
}

/// A folder with a model before its first step, and latents that stand for its pictures'.
fn begin(path: &Path) -> (RunFolder, LatentCache) {
    let folder = RunFolder::open(path).unwrap();
    export(&folder.start(), &tiny(), &RandomSource::new(3), &ExportNotes::default()).unwrap();
    let latents = |picture: i64| {
        let mean = (Tensor::arange(4 * 16 * 16, (Kind::Float, Device::Cpu)) + picture * 7).sin().view([4, 16, 16]);
        let std = mean.zeros_like();
        vec![(
            Distribution { mean: mean.shallow_clone(), std: std.shallow_clone() },
            Some(Distribution { mean: -mean, std }),
        )]
    };
    (folder, LatentCache::with_mirrored((0..PICTURES as i64).map(latents).collect()))
}

fn train(folder: &RunFolder, latents: &LatentCache, steps: u64) -> Vec<String> {
    let mut said = Vec::new();
    folder.claim(&recipe(steps)).unwrap();
    let base = start::open(&folder.start()).unwrap();
    run(folder, &recipe(steps), &base, latents, Device::Cpu, &mut |line| said.push(line.to_owned())).unwrap();
    said
}

#[test]
fn an_interrupted_run_goes_on_to_the_same_bits_and_becomes_one_small_file() {
    let place = tempfile::tempdir().unwrap();
    let (folder, latents) = begin(&place.path().join("run"));
    train(&folder, &latents, 4);
    let whole = fs::read(folder.model()).unwrap();
    assert!(folder.sheets().join("00000004.png").exists());

    // As if the power had gone after the third step.
    fs::remove_file(folder.states().join("00000004.safetensors")).unwrap();
    fs::remove_file(folder.model()).unwrap();
    let said = train(&folder, &latents, 4);
    assert_eq!(said, ["goes on after step 3"]);
    assert_eq!(fs::read(folder.model()).unwrap(), whole);

    let file = place.path().join("mini.safetensors");
    assert_eq!(embed(&folder, &file).unwrap(), fs::metadata(&file).unwrap().len());
    assert_eq!(start::open(&file).unwrap().config(), &tiny());
}

#[test]
fn a_run_can_be_lengthened_from_before_its_rate_fell_and_not_from_after() {
    let longer = recipe(400);
    assert!(longer.goes_on_from(75, 100) && !longer.goes_on_from(76, 100));
    assert!(longer.goes_on_from(399, 400));
    assert!(!recipe(40).goes_on_from(75, 400));
}

#[test]
fn the_rate_rises_stays_and_falls() {
    let recipe = recipe(1000);
    let rate = |step| recipe.learning_rate(step);
    assert!(rate(0) < rate(50) && rate(50) < rate(99));
    assert_eq!(rate(100), rate(749));
    assert!(rate(760) < rate(749) && rate(999) < 0.01 * rate(749));
}

#[test]
fn a_folder_belongs_to_one_recipe_of_which_only_the_steps_may_change() {
    let place = tempfile::tempdir().unwrap();
    let folder = RunFolder::open(place.path()).unwrap();
    folder.claim(&recipe(10)).unwrap();
    folder.claim(&recipe(20)).unwrap();
    let refusal = folder.claim(&Recipe { seed: 4, ..recipe(20) }).unwrap_err().to_string();
    assert!(refusal.contains("seed 3, not 4"), "{refusal}");
}

#[test]
fn a_task_that_comes_too_early_names_the_one_before_it() {
    let place = tempfile::tempdir().unwrap();
    let folder = RunFolder::open(place.path()).unwrap();
    let early = start::draw(&folder.start(), 1, &folder.autoencoder()).unwrap_err().to_string();
    assert!(early.contains("autoencoder.safetensors is not there; the task `autoencoder`"), "{early}");
    let early = embed(&folder, &place.path().join("mini.safetensors")).unwrap_err().to_string();
    assert!(early.contains("model.safetensors is not there; the task `train`"), "{early}");
}
