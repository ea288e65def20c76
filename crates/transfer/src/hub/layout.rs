//! Which files of a repository in the diffusers layout are fetched, and what a repository is that has another layout.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

/// Asked for first; every diffusers repository of Stable Diffusion 1.x has it.
pub(super) const FIRST_FILE: &str = "unet/config.json";

/// Lists the parts of a model.
pub(super) const MODEL_INDEX: &str = "model_index.json";

/// Files without which there is no model.
pub(super) const CONFIGS: [&str; 3] = [FIRST_FILE, "text_encoder/config.json", "vae/config.json"];

/// Files that are taken when they are there; otherwise `model` uses those of Stable Diffusion 1.5.
pub(super) const OPTIONAL: [&str; 6] = [
    MODEL_INDEX,
    "scheduler/scheduler_config.json",
    "tokenizer/vocab.json",
    "tokenizer/merges.txt",
    "tokenizer/tokenizer_config.json",
    "tokenizer/special_tokens_map.json",
];

/// Where the weights of one network lie.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weights {
    /// The network's folder here.
    pub(super) part: &'static str,
    /// Its folder in the repository, with a slash behind it; empty when it is the repository's own.
    from: &'static str,
    stem: &'static str,
    bin_stem: &'static str,
}

const STEM: &str = "diffusion_pytorch_model";
pub(super) const UNET: Weights = Weights { part: "unet", from: "unet/", stem: STEM, bin_stem: STEM };
pub(super) const TEXT_ENCODER: Weights =
    Weights { part: "text_encoder", from: "text_encoder/", stem: "model", bin_stem: "pytorch_model" };
pub(super) const VAE: Weights = Weights { part: "vae", from: "vae/", stem: STEM, bin_stem: STEM };
/// A VAE that is a repository of its own.
pub(super) const LONE_VAE: Weights = Weights { from: "", ..VAE };

/// A name under which weights may lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Candidate {
    /// In one file.
    Whole(String),
    /// In several, which this file names.
    Index(String),
}

impl Weights {
    /// Names in order of preference: full precision before half, safetensors before pickle, one file before several.
    pub(super) fn candidates(self) -> [Candidate; 8] {
        let Self { from, stem, bin_stem, .. } = self;
        let whole = |name: String| Candidate::Whole(format!("{from}{name}"));
        let index = |name: String| Candidate::Index(format!("{from}{name}"));
        [
            whole(format!("{stem}.safetensors")),
            index(format!("{stem}.safetensors.index.json")),
            whole(format!("{bin_stem}.bin")),
            index(format!("{bin_stem}.bin.index.json")),
            whole(format!("{stem}.fp16.safetensors")),
            index(format!("{stem}.safetensors.index.fp16.json")),
            whole(format!("{bin_stem}.fp16.bin")),
            index(format!("{bin_stem}.bin.index.fp16.json")),
        ]
    }

    /// The name in the repository of a file beside the index.
    pub(super) fn beside(self, file: &str) -> String {
        format!("{}{file}", self.from)
    }

    /// Where a file of the repository goes in the folder.
    pub(super) fn place(self, name: &str) -> String {
        format!("{}/{}", self.part, name.strip_prefix(self.from).unwrap_or(name))
    }
}

/// Most files of one network.
const SHARDS_MAX: usize = 100;

/// `*.index.json`; what else stands in it is not needed here.
#[derive(Deserialize)]
struct Index {
    weight_map: std::collections::BTreeMap<String, String>,
}

/// The files that an index names, each once. The error continues "its …".
pub(super) fn shards(index: &Path) -> Result<Vec<String>, String> {
    let text = fs::read(index).map_err(|error| format!("cannot be read ({error})"))?;
    let index: Index = serde_json::from_slice(&text).map_err(|error| format!("has no weight_map ({error})"))?;
    let mut names: Vec<String> = index.weight_map.into_values().collect();
    names.sort_unstable();
    names.dedup();
    if names.len() > SHARDS_MAX {
        return Err(format!("names {} files; at most {SHARDS_MAX} are fetched", names.len()));
    }
    match names.iter().find(|name| !is_plain(name)) {
        Some(name) => Err(format!("names the file {name:?}, which is not one beside it")),
        None => Ok(names),
    }
}

/// Fit to be one part of a path.
pub(super) fn is_plain(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=128).contains(&text.len()) && !text.starts_with('.') && text.bytes().all(fits)
}

/// What a model is that is no Stable Diffusion 1.x, by its small files alone: the process that opens it would say so, too,
/// but gigabytes later.
pub(super) fn other_kind(folder: &Path) -> Option<String> {
    let read = |name: &str| fs::read(folder.join(name)).map_or(Value::Null, |text| parse(&text));
    if let Some(kind) = kind_of_index(&read(MODEL_INDEX)) {
        return Some(kind);
    }
    let text = read("text_encoder/config.json");
    // OpenCLIP's ViT-H without its last layer.
    if text["hidden_size"] == 1024 && text["num_hidden_layers"] == 23 {
        return Some("a Stable Diffusion 2.x model".to_owned());
    }
    match read(FIRST_FILE)["in_channels"].as_i64() {
        Some(9) => Some("an inpainting model (its UNet reads 9 channels)".to_owned()),
        Some(8) => Some("a model that edits pictures by instruction (its UNet reads 8 channels)".to_owned()),
        _ => None,
    }
}

/// The same, by the list of its parts alone.
pub(super) fn kind_of_index(index: &Value) -> Option<String> {
    let class = index["_class_name"].as_str().filter(|class| is_plain(class)).unwrap_or("Stable Diffusion 3 or Flux");
    if index["transformer"].is_array() {
        return Some(format!("a diffusion transformer ({class})"));
    }
    index.get("text_encoder_2").map(|_| "a Stable Diffusion XL model".to_owned())
}

pub(super) fn parse(text: &[u8]) -> Value {
    serde_json::from_slice(text).unwrap_or_default()
}
