//! Safetensors files: diffusers folders are read tensor by tensor, and damaged files are refused by a sentence.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::Path;

use engine::tch::Kind;
use model::weights::{FolderSource, SingleFileSource, TensorSpec, inventory};
use model::{ModelConfig, ModelError, Part, WeightSource};
use serde_json::{Value, json};
use support::{Tensors, changed_tiny, golden, tiny_config};

fn tiny_copy() -> tempfile::TempDir {
    changed_tiny(&[])
}

#[track_caller]
fn assert_every_tensor_is_equal(found: &dyn WeightSource, expected: &dyn WeightSource, config: &ModelConfig) {
    for TensorSpec { part, name, shape } in inventory(config).unwrap() {
        let found = found.tensor(part, &name, &shape).unwrap();
        let expected = expected.tensor(part, &name, &shape).unwrap();
        assert!(found.to_kind(Kind::Double).equal(&expected.to_kind(Kind::Double)), "{name}");
    }
}

fn refusal(path: &Path) -> String {
    SingleFileSource::open(path).unwrap_err().to_string()
}

#[test]
fn a_folder_gives_the_tensors_that_diffusers_saved() {
    let folder = FolderSource::open(&golden("tiny")).unwrap();
    let unet = Tensors::read(&golden("tiny/unet/diffusion_pytorch_model.safetensors"));
    let mut count = 0;
    for spec in inventory(&tiny_config()).unwrap().iter().filter(|spec| spec.part == Part::Unet) {
        let tensor = folder.tensor(Part::Unet, &spec.name, &spec.shape).unwrap();
        assert!(tensor.equal(&unet.get(&spec.name)), "{}", spec.name);
        assert_eq!(tensor.kind(), Kind::Half, "the file's dtype is kept");
        count += 1;
    }
    assert_eq!(count, 686);
}

#[test]
fn a_folder_may_hold_half_precision_files_only() {
    let copy = tiny_copy();
    for name in ["unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model", "text_encoder/model"] {
        let full = copy.path().join(format!("{name}.safetensors"));
        fs::rename(full, copy.path().join(format!("{name}.fp16.safetensors"))).unwrap();
    }
    let (found, expected) = (FolderSource::open(copy.path()).unwrap(), FolderSource::open(&golden("tiny")).unwrap());
    assert_every_tensor_is_equal(&found, &expected, &tiny_config());
}

#[test]
fn a_folder_may_hold_pickles_and_an_old_vae() {
    for text_encoder in ["text_encoder.bin", "text_encoder_legacy.bin"] {
        let copy = tiny_copy();
        fs::remove_file(copy.path().join("text_encoder/model.safetensors")).unwrap();
        fs::copy(golden("weights").join(text_encoder), copy.path().join("text_encoder/pytorch_model.bin")).unwrap();
        let vae = copy.path().join("vae/diffusion_pytorch_model.safetensors");
        fs::copy(golden("weights/vae_old_names.safetensors"), vae).unwrap();
        let (found, expected) =
            (FolderSource::open(copy.path()).unwrap(), FolderSource::open(&golden("tiny")).unwrap());
        assert_every_tensor_is_equal(&found, &expected, &tiny_config());
    }
}

/// Splits the UNet of a folder in two files, and writes `index` beside them.
fn split_unet(folder: &Path, index: &str) {
    let unet = folder.join("unet");
    let whole = unet.join("diffusion_pytorch_model.safetensors");
    let bytes = fs::read(&whole).unwrap();
    fs::remove_file(whole).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mut weight_map = serde_json::Map::new();
    for (shard, first_letters) in [("one.safetensors", "c-m"), ("two.safetensors", "t-z")] {
        let belongs = |name: &str| (name < "n") == (first_letters == "c-m");
        let part: Vec<_> = tensors.iter().filter(|(name, _)| belongs(name)).collect();
        weight_map.extend(part.iter().map(|(name, _)| ((*name).to_owned(), Value::from(shard))));
        safetensors::serialize_to_file(part, None, &unet.join(shard)).unwrap();
    }
    let text = json!({"metadata": {"total_size": bytes.len()}, "weight_map": weight_map}).to_string();
    fs::write(unet.join(index), text).unwrap();
}

#[test]
fn a_folder_may_split_a_network_over_several_files() {
    for index in
        ["diffusion_pytorch_model.safetensors.index.json", "diffusion_pytorch_model.safetensors.index.fp16.json"]
    {
        let copy = tiny_copy();
        split_unet(copy.path(), index);
        let (found, expected) =
            (FolderSource::open(copy.path()).unwrap(), FolderSource::open(&golden("tiny")).unwrap());
        assert_every_tensor_is_equal(&found, &expected, &tiny_config());
        let absent = found.tensor(Part::Unet, "conv_in.weights", &[8, 4, 3, 3]).unwrap_err().to_string();
        assert!(absent.contains(index), "{absent}");
    }
}

#[test]
fn an_index_that_leads_nowhere_or_elsewhere_is_refused() {
    let copy = tiny_copy();
    split_unet(copy.path(), "diffusion_pytorch_model.safetensors.index.json");
    let index = copy.path().join("unet/diffusion_pytorch_model.safetensors.index.json");
    let refusal = |text: &Value| {
        fs::write(&index, text.to_string()).unwrap();
        FolderSource::open(copy.path()).unwrap_err().to_string()
    };
    let one_tensor = |name: &str, file: &str| json!({"weight_map": {name: file}});
    for file in ["../vae/diffusion_pytorch_model.safetensors", "/etc/passwd", "..", "", "./one.safetensors"] {
        let message = refusal(&one_tensor("conv_in.weight", file));
        assert!(message.contains("which is not one beside it"), "{message}");
    }
    assert!(refusal(&one_tensor("conv_in.weight", "three.safetensors")).contains("three.safetensors"));
    assert!(refusal(&one_tensor("conv_in.weights", "one.safetensors")).contains("has no tensor conv_in.weights"));
    assert!(refusal(&json!([])).contains("weight_map cannot be read"));
    let many: serde_json::Map<_, _> = (0..101).map(|n| (n.to_string(), Value::from(format!("{n}.bin")))).collect();
    assert!(refusal(&json!({"weight_map": many})).contains("it names 101 files"));
}

#[test]
fn an_old_vae_may_store_its_attention_as_convolutions() {
    let copy = tiny_copy();
    let vae = copy.path().join("vae/diffusion_pytorch_model.safetensors");
    fs::copy(golden("weights/vae_old_names_convolutions.safetensors"), vae).unwrap();
    let (found, expected) = (FolderSource::open(copy.path()).unwrap(), FolderSource::open(&golden("tiny")).unwrap());
    for name in ["to_q", "to_k", "to_v", "to_out.0"] {
        let name = format!("encoder.mid_block.attentions.0.{name}.weight");
        let [found, expected] = [&found, &expected].map(|source| source.tensor(Part::Vae, &name, &[16, 16]).unwrap());
        assert!(found.to_kind(Kind::Float).equal(&expected.to_kind(Kind::Float)), "{name}");
    }
}

#[test]
fn an_absent_or_misshapen_tensor_is_named() {
    let folder = FolderSource::open(&golden("tiny")).unwrap();
    let absent = folder.tensor(Part::Unet, "conv_in.weights", &[8, 4, 3, 3]).unwrap_err().to_string();
    assert!(absent.ends_with("diffusion_pytorch_model.safetensors has no tensor conv_in.weights"), "{absent}");
    let shape = folder.tensor(Part::Unet, "conv_in.weight", &[320, 4, 3, 3]).unwrap_err();
    assert!(matches!(&shape, ModelError::Shape { found, .. } if *found == [8, 4, 3, 3]), "{shape}");
}

#[test]
fn a_folder_without_weights_says_which_files_it_needs() {
    let copy = tiny_copy();
    fs::remove_file(copy.path().join("unet/diffusion_pytorch_model.safetensors")).unwrap();
    let message = FolderSource::open(copy.path()).unwrap_err().to_string();
    assert!(message.contains("unet") && message.contains("diffusion_pytorch_model.safetensors"), "{message}");
}

#[test]
fn a_safetensors_file_cut_anywhere_is_refused() {
    let whole = fs::read(golden("weights/original.safetensors")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.safetensors");
    for length in [0, 1, 7, 8, 9, 64, 1000, 100_000, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        let message = refusal(&path);
        assert!(message.contains("cut.safetensors is not a usable model file"), "{length}: {message}");
    }
    let mut longer = whole;
    longer.push(0);
    fs::write(&path, longer).unwrap();
    assert!(refusal(&path).contains("its header describes"));
}

#[test]
fn a_header_that_claims_more_than_the_file_is_refused_without_allocating_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("claims.safetensors");
    let write = |header: &str, length: u64| {
        let mut bytes = length.to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        fs::write(&path, bytes).unwrap();
        refusal(&path)
    };
    assert!(write("{}", u64::MAX).contains("longer than the file"));
    let huge = r#"{"a":{"dtype":"F64","shape":[4611686018427387904,4],"data_offsets":[0,8]}}"#;
    assert!(write(huge, huge.len() as u64).contains("damaged"));
    let beyond = r#"{"a":{"dtype":"F32","shape":[1000000],"data_offsets":[0,4000000]}}"#;
    assert!(write(beyond, beyond.len() as u64).contains("describes"));
    let holes = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#;
    assert!(write(holes, holes.len() as u64).contains("damaged"));
}

#[test]
fn files_that_are_no_models_are_called_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.ckpt");
    let refused = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        refusal(&path)
    };
    assert!(refused(b"").contains("it is empty"));
    assert!(refused(b"<!DOCTYPE html><html>").contains("it is a web page"));
    assert!(refused(b"version https://git-lfs.github.com/spec/v1\noid sha256:0").contains("git-lfs pointer"));
    assert!(refused(b"\xff\xd8\xff\xe0 a photo of a cat, not a model").contains("neither safetensors nor"));
}
