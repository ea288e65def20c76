//! A MODEL as users write it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::error::ModelError;

/// Which model to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelReference {
    /// The miniature model that comes with the program: `mini`.
    Mini,
    /// A diffusers folder.
    Folder(PathBuf),
    /// A single `.safetensors` or `.ckpt` file.
    File(PathBuf),
    /// A repository `owner/name` of a model hub; it must be downloaded first.
    Hub(String),
    /// Untrained weights: `random:sd15`, `random:mini` or `random:FOLDER`, with an optional `@SEED`.
    Random {
        /// Whose sizes.
        config: RandomConfig,
        /// Which weights.
        seed: u64,
    },
}

/// The sizes of an untrained model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RandomConfig {
    /// Stable Diffusion 1.5.
    Sd15,
    /// The miniature model.
    Mini,
    /// Those of the `config.json` files in a diffusers folder.
    Folder(PathBuf),
}

/// What begins the name of an untrained model.
const RANDOM: &str = "random:";

impl FromStr for ModelReference {
    type Err = ModelError;

    /// `mini`, `random:…`, a path that exists, or a Hub id, in this order.
    fn from_str(text: &str) -> Result<Self, ModelError> {
        if text == "mini" {
            return Ok(Self::Mini);
        }
        if let Some(rest) = text.strip_prefix(RANDOM) {
            return random(rest).ok_or_else(|| ModelError::UnknownReference(text.to_owned()));
        }
        let path = PathBuf::from(text);
        if path.is_dir() {
            return Ok(Self::Folder(path));
        }
        if path.exists() {
            return Ok(Self::File(path));
        }
        if is_file_name(text) {
            return Err(ModelError::NoSuchFile(path));
        }
        match is_hub_id(text) {
            true => Ok(Self::Hub(text.to_owned())),
            false => Err(ModelError::UnknownReference(text.to_owned())),
        }
    }
}

fn random(text: &str) -> Option<ModelReference> {
    let (config, seed) = match text.rsplit_once('@') {
        Some((config, seed)) => (config, seed.parse().ok()?),
        None => (text, 0),
    };
    let config = match config {
        "sd15" => RandomConfig::Sd15,
        "mini" => RandomConfig::Mini,
        "" => return None,
        folder => RandomConfig::Folder(PathBuf::from(folder)),
    };
    Some(ModelReference::Random { config, seed })
}

/// Whether the text can only mean a file, so that its absence can be said plainly.
fn is_file_name(text: &str) -> bool {
    text.starts_with(['/', '.', '~'])
        || [".safetensors", ".ckpt", ".bin", ".pt"].iter().any(|ending| text.ends_with(ending))
}

/// `owner/name` in the characters that hubs allow.
fn is_hub_id(text: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty()
            && !part.contains("..")
            && part.chars().all(|character| character.is_ascii_alphanumeric() || "-_.".contains(character))
    };
    text.split_once('/').is_some_and(|(owner, name)| is_part(owner) && is_part(name))
}

impl fmt::Display for ModelReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mini => formatter.write_str("mini"),
            Self::Folder(path) | Self::File(path) => path.display().fmt(formatter),
            Self::Hub(id) => formatter.write_str(id),
            Self::Random { config, seed } => write!(formatter, "{RANDOM}{config}@{seed}"),
        }
    }
}

impl fmt::Display for RandomConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sd15 => formatter.write_str("sd15"),
            Self::Mini => formatter.write_str("mini"),
            Self::Folder(path) => path.display().fmt(formatter),
        }
    }
}
