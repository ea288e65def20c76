//! A file becomes a [`Lora`], whoever made it.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use engine::tch::{Kind, Tensor};
use serde_json::Value;

use super::keys::{Key, Role, parse};
use super::targets::{Targets, module};
use super::{Lora, LoraModule, fits, numbered};
use crate::config::ModelConfig;
use crate::error::{ModelError, Result};
use crate::weights::Part;
use crate::weights::named_tensors::NamedTensorFile;
use crate::weights::tensor_file::{format_error, io_error};

/// Largest file that is read, for it is held in memory: one of rank 128 for every layer of SD 1.5, convolutions and all, has
/// 1 GB in f32.
const MAX_BYTES: u64 = 2 << 30;

/// Where diffusers keeps peft's settings in a file's metadata.
const PEFT_SETTINGS: &str = "lora_adapter_metadata";

impl Lora {
    /// Reads a `.safetensors` LoRA for a model of this configuration, in the naming of kohya's scripts, diffusers, peft or
    /// lora-diffusion. What belongs to no layer of such a model is in [`Self::left_out`].
    ///
    /// # Errors
    /// When the file cannot be read, is no LoRA, is another kind of adapter, or was made for another base model.
    pub fn open(path: &Path, config: &ModelConfig) -> Result<Self> {
        let length = fs::metadata(path).map_err(|error| io_error(path, error))?.len();
        if length > MAX_BYTES {
            return Err(format_error(path, format!("it has {length} bytes; a LoRA of at most {MAX_BYTES} is read")));
        }
        let file = NamedTensorFile::open(path)?;
        let keys = Keys::of(&file, config).map_err(|reason| format_error(path, reason))?;
        let targets = Targets::new(config)?;
        let settings = PeftSettings::of(&file);
        let mut lora = Self { modules: Vec::new(), left_out: keys.left_out };
        for (name, parts) in &keys.modules {
            let Some(spec) = targets.find(name) else {
                lora.left_out.push(name.clone());
                continue;
            };
            let module = read_module(path, &file, name, parts, &settings)?;
            fits(spec, &module)?;
            lora.modules.push((spec.clone(), module));
        }
        lora.left_out.sort_unstable();
        if lora.modules.is_empty() {
            return Err(format_error(path, nothing(&lora.left_out)));
        }
        Ok(lora)
    }
}

/// The error is a reason for a person.
type Reasoned<T> = std::result::Result<T, String>;

/// The tensors of each module, by their role.
type Parts<'a> = HashMap<Role, &'a str>;

/// A file's keys, put in order.
struct Keys<'a> {
    modules: BTreeMap<String, Parts<'a>>,
    left_out: Vec<String>,
}

impl<'a> Keys<'a> {
    fn of(file: &'a NamedTensorFile, config: &ModelConfig) -> Reasoned<Self> {
        let mut keys = Self { modules: BTreeMap::new(), left_out: Vec::new() };
        let mut numbers = Numbers { file, config, layers: HashMap::new() };
        for key in file.names() {
            let (name, role) = match parse(key) {
                Key::Named(name, role) => (name, role),
                Key::Numbered(part, number, role) => (numbers.module(part, number)?, role),
                Key::Foreign(kind) => {
                    return Err(format!("{key} is of another kind of adapter ({kind}); only LoRA is supported"));
                }
                Key::Other => {
                    keys.left_out.push(key.to_owned());
                    continue;
                }
            };
            if keys.modules.entry(name).or_default().insert(role, key).is_some() {
                return Err(format!("{key} is there under another name, too"));
            }
        }
        Ok(keys)
    }
}

/// The layers of networks whose layers a file numbers.
struct Numbers<'a> {
    file: &'a NamedTensorFile,
    config: &'a ModelConfig,
    layers: HashMap<Part, Vec<String>>,
}

impl Numbers<'_> {
    fn module(&mut self, part: Part, number: usize) -> Reasoned<String> {
        let layers = match self.layers.entry(part) {
            Entry::Occupied(layers) => layers.into_mut(),
            Entry::Vacant(place) => {
                let listed = self.file.metadata().get(network(part)).map(String::as_str);
                let classes = numbered::classes(part, listed)?;
                place.insert(numbered::layers(self.config, part, &classes))
            }
        };
        let Some(path) = layers.get(number) else {
            return Err(format!(
                "it changes {} layer {number}, but this model has only {}",
                network(part),
                layers.len()
            ));
        };
        Ok(module(part, path))
    }
}

/// What diffusers calls the network.
fn network(part: Part) -> &'static str {
    if part == Part::TextEncoder { "text_encoder" } else { "unet" }
}

fn read_module(
    path: &Path,
    file: &NamedTensorFile,
    name: &str,
    parts: &Parts<'_>,
    settings: &PeftSettings,
) -> Result<LoraModule> {
    let read = |role: Role| -> Result<Tensor> {
        let Some(key) = parts.get(&role) else {
            let what = if role == Role::Down { "down" } else { "up" };
            return Err(ModelError::MissingTensor {
                path: path.to_owned(),
                name: format!("{name}.lora_{what}.weight"),
            });
        };
        file.tensor(key)
    };
    let (down, up) = (read(Role::Down)?, read(Role::Up)?);
    let rank = down.size().first().copied().unwrap_or(0) as f64;
    let alpha = match parts.get(&Role::Alpha) {
        Some(key) => number(path, key, &file.tensor(key)?)?,
        None => settings.alpha(name, rank).unwrap_or(rank),
    };
    LoraModule::new(name.to_owned(), &down, &up, alpha)
}

fn number(path: &Path, key: &str, tensor: &Tensor) -> Result<f64> {
    if tensor.numel() != 1 {
        return Err(format_error(path, format!("{key} is no single number")));
    }
    Ok(tensor.f_to_kind(Kind::Double)?.f_flatten(0, -1)?.f_double_value(&[0])?)
}

/// What peft remembers of a training: where there is no `.alpha`, the change is scaled by this.
struct PeftSettings(Value);

impl PeftSettings {
    fn of(file: &NamedTensorFile) -> Self {
        let text = file.metadata().get(PEFT_SETTINGS).map_or("", String::as_str);
        Self(serde_json::from_str(text).unwrap_or_default())
    }

    /// The alpha of a module, as kohya would write it: peft may divide by the rank's root instead of the rank.
    fn alpha(&self, name: &str, rank: f64) -> Option<f64> {
        let part = if name.starts_with(super::targets::TEXT_ENCODER) { Part::TextEncoder } else { Part::Unet };
        let setting = |key: &str| self.0.get(format!("{}.{key}", network(part)));
        let special = setting("alpha_pattern").and_then(Value::as_object).and_then(|alphas| {
            // A pattern is the end of a layer's path.
            let found = alphas.iter().find(|(path, _)| name.ends_with(&path.replace('.', "_")));
            found.map(|(_, alpha)| alpha)
        });
        let alpha = special.or_else(|| setting("lora_alpha"))?.as_f64()?;
        let by_root = setting("use_rslora").and_then(Value::as_bool).unwrap_or(false);
        Some(if by_root { alpha * rank.sqrt() } else { alpha })
    }
}

/// Why a file changes nothing.
fn nothing(left_out: &[String]) -> String {
    let of_sdxl = left_out.iter().any(|name| name.starts_with("lora_te2_") || name.contains("text_encoder_2"));
    match left_out.first() {
        None => "it holds no tensors".to_owned(),
        Some(_) if of_sdxl => "it is a LoRA for Stable Diffusion XL; only Stable Diffusion 1.x is supported".to_owned(),
        Some(name) => format!(
            "none of its {} entries, {name} among them, belongs to a layer of a Stable Diffusion 1.x model",
            left_out.len()
        ),
    }
}
