//! An export says of itself what it was trained with, and what a file says of itself is not believed unseen.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use model::config::{Activation, HeadCounts};
use model::weights::{TensorTable, embedded_config};
use model::{BaseModel, ModelConfig, ModelReference, PredictionType};
use serde_json::{Value, json};
use support::{changed_tiny, golden, tiny_config};

/// Settings that leave no trace in any shape, each other than Stable Diffusion 1.x has it.
fn unusual() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("text_encoder/config.json", "num_attention_heads", json!(2)),
        ("text_encoder/config.json", "hidden_act", json!("gelu")),
        ("text_encoder/config.json", "layer_norm_eps", json!(1e-6)),
        ("unet/config.json", "attention_head_dim", json!([1, 2, 4, 8])),
        ("unet/config.json", "flip_sin_to_cos", json!(false)),
        ("unet/config.json", "freq_shift", json!(1)),
        ("unet/config.json", "norm_eps", json!(1e-4)),
        ("vae/config.json", "scaling_factor", json!(0.5)),
        ("scheduler/scheduler_config.json", "prediction_type", json!("v_prediction")),
        ("scheduler/scheduler_config.json", "beta_schedule", json!("linear")),
        ("scheduler/scheduler_config.json", "beta_end", json!(0.0123456789012345)),
    ]
}

fn open(path: PathBuf) -> Result<BaseModel, String> {
    BaseModel::open(&ModelReference::File(path)).map_err(|error| error.to_string())
}

#[test]
fn an_export_opens_with_the_whole_configuration_of_its_base() {
    let folder = changed_tiny(&unusual());
    let base = BaseModel::open(&ModelReference::Folder(folder.path().to_owned())).unwrap();
    assert_eq!(base.config().schedule.prediction_type, PredictionType::VPrediction);
    assert_eq!(base.config().unet.attention_head_dim, HeadCounts::Each(vec![1, 2, 4, 8]));
    assert_eq!(base.config().text.hidden_act, Activation::Gelu);
    for name in ["model.safetensors", "model.ckpt"] {
        let path = folder.path().join(name);
        base.export(&path).unwrap();
        let opened = open(path.clone()).unwrap();
        assert_eq!(opened.config(), base.config(), "{name}");
        // And the export of an export says the same.
        opened.export(&path).unwrap();
        assert_eq!(open(path).unwrap().config(), base.config(), "{name}");
    }
}

/// The miniature's sizes with settings of its own, and weights from a seed.
fn unusual_miniature(folder: &Path) -> BaseModel {
    let mut config = serde_json::to_value(ModelConfig::mini()).unwrap();
    config["unet"]["attention_head_dim"] = json!(4);
    config["unet"]["norm_num_groups"] = json!(16);
    config["vae"]["scaling_factor"] = json!(0.5);
    config["scheduler"]["prediction_type"] = json!("v_prediction");
    config["scheduler"]["beta_schedule"] = json!("linear");
    let files = ["text_encoder/config.json", "unet/config.json", "vae/config.json", "scheduler/scheduler_config.json"];
    for file in files {
        let (part, _) = file.split_once('/').unwrap();
        fs::create_dir(folder.join(part)).unwrap();
        fs::write(folder.join(file), config[part].to_string()).unwrap();
    }
    BaseModel::open(&format!("random:{}@1", folder.display()).parse().unwrap()).unwrap()
}

/// The shapes alone would do for an answer here, and for a wrong one.
#[test]
fn what_no_shape_shows_is_not_guessed_where_the_file_says_it() {
    let folder = tempfile::tempdir().unwrap();
    let base = unusual_miniature(folder.path());
    for name in ["model.safetensors", "model.ckpt"] {
        let path = folder.path().join(name);
        base.export(&path).unwrap();
        let opened = open(path).unwrap();
        assert_eq!(opened.config(), base.config(), "{name}");
        assert_eq!(opened.schedule().sigmas(), base.schedule().sigmas(), "{name}");
        assert_eq!(opened.schedule().prediction_type(), PredictionType::VPrediction, "{name}");
    }
}

#[test]
fn the_entry_is_the_four_files_of_the_folder_under_a_documented_name() {
    let folder = changed_tiny(&unusual());
    let base = BaseModel::open(&ModelReference::Folder(folder.path().to_owned())).unwrap();
    let path = folder.path().join("model.safetensors");
    base.export(&path).unwrap();
    let table = TensorTable::open(&path).unwrap();
    let entry: Value = serde_json::from_str(table.model_config().unwrap()).unwrap();
    assert_eq!(embedded_config::KEY, "dreambooth.model_config");
    assert_eq!(entry["scheduler"]["prediction_type"], "v_prediction");
    assert_eq!(entry["unet"]["attention_head_dim"], json!([1, 2, 4, 8]));
    assert_eq!(entry["vae"]["scaling_factor"], 0.5);
    assert_eq!(entry["text_encoder"]["num_attention_heads"], 2);
}

/// The tiny model in one file that says `text` of itself.
fn write_saying(path: &Path, text: Option<&str>) {
    let bytes = fs::read(golden("weights/original.safetensors")).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let metadata = text.map(|text| [(embedded_config::KEY.to_owned(), text.to_owned())].into());
    safetensors::serialize_to_file(file.iter(), metadata, path).unwrap();
}

#[test]
fn what_a_file_says_of_itself_is_checked_and_held_against_its_tensors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("saying.safetensors");
    let honest = serde_json::to_value(tiny_config()).unwrap();
    write_saying(&path, Some(&honest.to_string()));
    assert_eq!(*open(path.clone()).unwrap().config(), tiny_config());

    let lie = |pointer: &str, value: Value| {
        let mut config = honest.clone();
        *config.pointer_mut(pointer).unwrap() = value;
        config.to_string()
    };
    let cases = [
        ("{".to_owned(), "EOF"),
        ("[]".to_owned(), "invalid"),
        ("{}".to_owned(), "missing field"),
        (format!("{}{}", honest, " ".repeat(100_000)), "it is longer than"),
        (lie("/scheduler/prediction_type", json!("sample")), "sample"),
        (lie("/vae/scaling_factor", json!(0)), "scaling_factor is 0"),
        (lie("/unet/norm_eps", json!(-1)), "norm_eps is -1"),
        (lie("/unet/freq_shift", json!(1e9)), "freq_shift is 1000000000"),
        (lie("/unet/attention_head_dim", json!(5)), "attention_head_dim 5"),
        (lie("/unet/act_fn", json!("mish")), "act_fn"),
        (
            lie("/text_encoder/num_hidden_layers", json!(250)),
            "text_encoder.num_hidden_layers is 250, but the tensors show",
        ),
        (lie("/unet/layers_per_block", json!(1)), "unet.layers_per_block is 1, but the tensors show 2"),
        (
            lie("/vae/block_out_channels/1", json!(24)),
            "vae.block_out_channels is [8, 24, 16, 16], but the tensors show",
        ),
    ];
    for (text, expected) in cases {
        write_saying(&path, Some(&text));
        let message = open(path.clone()).unwrap_err();
        let names_file_and_entry = message.contains("saying.safetensors") && message.contains(embedded_config::KEY);
        assert!(names_file_and_entry && message.contains(expected), "{expected}: {message}");
    }
}

#[test]
fn a_file_that_says_nothing_has_the_settings_of_stable_diffusion_1() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("silent.safetensors");
    write_saying(&path, None);
    // The tiny model's norms have 4 groups, which no shape shows; Stable Diffusion's 32 do not divide its channels.
    assert!(open(path).unwrap_err().contains("norm_num_groups 32"));

    let [said, silent] = ["said.safetensors", "silent.safetensors"].map(|name| folder.path().join(name));
    BaseModel::open(&"random:mini@3".parse().unwrap()).unwrap().export(&said).unwrap();
    let bytes = fs::read(&said).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    safetensors::serialize_to_file(file.iter(), None, &silent).unwrap();
    assert!(TensorTable::open(&silent).unwrap().model_config().is_none());
    assert_eq!(*open(silent).unwrap().config(), ModelConfig::mini());
}
