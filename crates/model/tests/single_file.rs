//! Single-file checkpoints: the original names, the sizes read off the tensors, and what is said about other models.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::Write;
use std::path::Path;

use engine::tch::{Device, Kind};
use model::weights::key_map::KeyMap;
use model::weights::{FolderSource, SingleFileSource, TensorSpec, inventory};
use model::{BaseModel, ModelConfig, ModelReference, Part, UNetConfig, WeightSource};
use serde_json::Value;
use support::{golden, tiny_config};

fn random_mini() -> BaseModel {
    BaseModel::open(&"random:mini@3".parse().unwrap()).unwrap()
}

/// A safetensors file of these names, each one number.
fn write_names(path: &Path, names: &[&str]) {
    let view = || safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![1], &[0; 4]).unwrap();
    safetensors::serialize_to_file(names.iter().map(|name| (*name, view())), None, path).unwrap();
}

#[test]
fn every_name_of_the_model_maps_as_diffusers_maps_it() {
    let file = std::fs::read(golden("weights/original_names.json")).unwrap();
    let names: Value = serde_json::from_slice(&file).unwrap();
    let keys = KeyMap::new(&tiny_config());
    let (mut unet, mut text, mut vae) = (0, 0, 0);
    for case in names["cases"].as_array().unwrap() {
        let (folder, name) = case["diffusers"].as_str().unwrap().split_once('/').unwrap();
        let (part, count) = match folder {
            "unet" => (Part::Unet, &mut unet),
            "text_encoder" => (Part::TextEncoder, &mut text),
            _ => (Part::Vae, &mut vae),
        };
        *count += 1;
        assert_eq!(keys.original(part, name).as_deref(), case["original"].as_str(), "{name}");
    }
    assert_eq!((unet, vae), (686, 248));
    assert!(text > 30);
}

#[test]
fn names_follow_the_number_of_levels_and_layers() {
    let mut config = ModelConfig::sd15();
    config.unet = UNetConfig {
        block_out_channels: vec![8, 16, 16],
        down_block_types: ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"].map(Into::into).to_vec(),
        up_block_types: ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"].map(Into::into).to_vec(),
        layers_per_block: 1,
        ..config.unet
    };
    let keys = KeyMap::new(&config);
    let original = |name| keys.original(Part::Unet, name).unwrap();
    assert_eq!(original("down_blocks.2.attentions.0.norm.bias"), "model.diffusion_model.input_blocks.5.1.norm.bias");
    assert_eq!(original("down_blocks.1.downsamplers.0.conv.bias"), "model.diffusion_model.input_blocks.4.0.op.bias");
    assert_eq!(original("up_blocks.0.upsamplers.0.conv.weight"), "model.diffusion_model.output_blocks.1.2.conv.weight");
    assert_eq!(keys.original(Part::Unet, "up_blocks.7.upsamplers.0.conv.weight"), None);
    assert_eq!(keys.original(Part::Vae, "decoder.up_blocks.9.resnets.0.conv1.weight"), None);
}

#[test]
fn both_formats_give_the_weights_of_the_diffusers_folder() {
    let folder = FolderSource::open(&golden("tiny")).unwrap();
    for file in ["original.ckpt", "original.safetensors"] {
        let single = SingleFileSource::open_as(&golden("weights").join(file), tiny_config()).unwrap();
        for TensorSpec { part, name, shape } in inventory(&tiny_config()).unwrap() {
            let [found, expected] = [&single as &dyn WeightSource, &folder]
                .map(|source| source.tensor(part, &name, &shape).unwrap().to_kind(Kind::Float));
            assert!(found.equal(&expected), "{file}: {name}");
        }
    }
}

#[test]
fn an_exported_file_opens_as_the_model_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mini.safetensors");
    random_mini().export(&path).unwrap();
    let opened = BaseModel::open(&ModelReference::File(path)).unwrap();
    assert_eq!(*opened.config(), ModelConfig::mini());
    assert_eq!(opened.name(), "mini");
    assert!(opened.unet(Device::Cpu, Kind::Float).is_ok());
}

/// A file of this model's tensors whose contents are one hole, so that it takes no room on disk.
fn write_hollow(path: &Path, config: &ModelConfig) {
    let keys = KeyMap::new(config);
    let mut end = 0;
    let tensors = inventory(config).unwrap().into_iter().map(|TensorSpec { part, name, shape }| {
        let shape: Vec<_> = shape.into_iter().map(|side| side as usize).collect();
        let start = end;
        end += 2 * shape.iter().product::<usize>();
        let info =
            safetensors::tensor::TensorInfo { dtype: safetensors::Dtype::F16, shape, data_offsets: (start, end) };
        (keys.original(part, &name).unwrap(), info)
    });
    let metadata = safetensors::tensor::Metadata::new(None, tensors.collect()).unwrap();
    let header = serde_json::to_vec(&metadata).unwrap();
    let mut file = std::fs::File::create(path).unwrap();
    file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
    file.write_all(&header).unwrap();
    file.set_len((8 + header.len() + metadata.data_len()) as u64).unwrap();
}

#[test]
fn sizes_are_read_off_the_shapes_of_a_file_that_says_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hollow.safetensors");
    for config in [ModelConfig::sd15(), ModelConfig::mini()] {
        write_hollow(&path, &config);
        assert_eq!(*SingleFileSource::open(&path).unwrap().config(), config);
    }
}

#[test]
fn very_old_text_encoder_names_are_found_without_text_model() {
    let source = golden("weights/original.safetensors");
    let bytes = std::fs::read(source).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let renamed = file.iter().filter(|(name, _)| !name.ends_with("position_ids"));
    let renamed = renamed.map(|(name, view)| (name.replace("transformer.text_model.", "transformer."), view));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.safetensors");
    safetensors::serialize_to_file(renamed, None, &path).unwrap();
    let single = SingleFileSource::open_as(&path, tiny_config()).unwrap();
    assert!(single.tensor(Part::TextEncoder, "text_model.final_layer_norm.weight", &[32]).is_ok());
}

#[test]
fn a_model_with_a_part_of_its_tensors_is_refused_by_the_first_that_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.safetensors");
    let unet = "model.diffusion_model.input_blocks.0.0.weight";
    let text = "cond_stage_model.transformer.text_model.final_layer_norm.bias";
    write_names(&path, &[unet, text, "first_stage_model.encoder.conv_in.weight"]);
    let message = SingleFileSource::open(&path).unwrap_err().to_string();
    assert!(message.contains("has no tensor") || message.contains("sides are expected"), "{message}");
}
