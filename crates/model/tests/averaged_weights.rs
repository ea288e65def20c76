//! A checkpoint may hold the UNet twice: as it was trained, and averaged over the training (EMA). Which one is used is asked.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::Path;

use engine::tch::{Device, Kind, Tensor};
use model::weights::embedded_config;
use model::{BaseModel, ModelReference};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use support::{golden, tiny_config};

/// fp16's 0.5 in every average.
const HALF: [u8; 2] = [0x00, 0x38];

/// Writes the tiny model to `path`, with an average beside each weight of its UNet whose name `has_average` lets pass.
fn write_averaged(path: &Path, has_average: impl Fn(&str) -> bool) {
    let plain = path.with_file_name("plain.safetensors");
    BaseModel::open(&ModelReference::Folder(golden("tiny"))).unwrap().export(&plain).unwrap();
    let bytes = fs::read(&plain).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let averages: Vec<(String, Vec<usize>, Vec<u8>)> = file
        .iter()
        .filter(|(name, _)| name.starts_with("model.diffusion_model.") && has_average(name))
        .map(|(name, view)| {
            // As the original's own class keeps them: without the wrapper's name, and without dots.
            let name = format!("model_ema.{}", name.strip_prefix("model.").unwrap().replace('.', ""));
            (name, view.shape().to_vec(), HALF.repeat(view.data().len() / 2))
        })
        .collect();
    let averages = averages
        .iter()
        .map(|(name, shape, data)| (name.as_str(), TensorView::new(Dtype::F16, shape.clone(), data).unwrap()));
    let counters = [("model_ema.decay", TensorView::new(Dtype::F16, vec![], &HALF).unwrap())];
    let config = serde_json::to_string(&tiny_config()).unwrap();
    let metadata = [(embedded_config::KEY.to_owned(), config)].into();
    safetensors::serialize_to_file(file.iter().chain(averages).chain(counters), Some(metadata), path).unwrap();
}

fn open(text: &str) -> Result<BaseModel, String> {
    BaseModel::open(&text.parse().unwrap()).map_err(|error| error.to_string())
}

fn unet(base: &BaseModel) -> Vec<(String, Tensor)> {
    let unet = base.unet(Device::Cpu, Kind::Float).unwrap();
    unet.parameters().iter().map(|(name, tensor)| (name.clone(), tensor.detach())).collect()
}

#[test]
fn plain_weights_are_used_unless_the_averages_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("both.safetensors");
    write_averaged(&path, |_| true);
    let tiny = unet(&BaseModel::open(&ModelReference::Folder(golden("tiny"))).unwrap());
    let plain = open(&path.display().to_string()).unwrap();
    assert!(unet(&plain).iter().zip(&tiny).all(|((_, found), (_, expected))| found.equal(expected)));

    let averaged = open(&format!("{}@ema", path.display())).unwrap();
    for (name, weight) in unet(&averaged) {
        assert!(weight.equal(&Tensor::full_like(&weight, 0.5)), "{name}");
    }
    assert_eq!((averaged.name(), plain.name()), ("both".into(), "both".into()));
    // The other two networks have no averages: they are the same in both.
    let text = |base: &BaseModel| base.text_encoder(Device::Cpu, Kind::Float).unwrap();
    for ((name, found), (_, expected)) in text(&averaged).parameters().iter().zip(text(&plain).parameters()) {
        assert!(found.equal(expected), "{name}");
    }
    averaged.vae(Device::Cpu, Kind::Float).unwrap();
}

#[test]
fn averages_that_are_asked_for_and_not_there_are_missed_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plain.ckpt");
    BaseModel::open(&ModelReference::Folder(golden("tiny"))).unwrap().export(&path).unwrap();
    let sentence = open(&format!("{}@ema", path.display())).unwrap_err();
    assert!(sentence.contains("plain.ckpt") && sentence.contains("it has no EMA weights (model_ema.*)"), "{sentence}");

    // A file with all averages but one: no plain weight stands in for it.
    let path = folder.path().join("gap.safetensors");
    write_averaged(&path, |name| name != "model.diffusion_model.out.2.weight");
    let base = open(&format!("{}@ema", path.display())).unwrap();
    let sentence = base.unet(Device::Cpu, Kind::Float).unwrap_err().to_string();
    assert!(sentence.contains("has no tensor model_ema.diffusion_modelout2weight"), "{sentence}");
}

#[test]
fn a_folder_has_no_averages_to_choose() {
    let text = format!("{}@ema", golden("tiny").display());
    let sentence = text.parse::<ModelReference>().unwrap_err().to_string();
    assert!(sentence.contains("is a folder; @ema chooses"), "{sentence}");
}
