//! A MODEL as users write it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::error::ModelError;

/// Which model to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelReference {
    /// The trained miniature that comes with the program, for pictures of 128 pixels: `mini`.
    Mini,
    /// A diffusers folder.
    Folder(PathBuf),
    /// A single `.safetensors` or `.ckpt` file.
    File(PathBuf),
    /// A single file whose UNet is made of the averaged weights that stand beside the plain ones: `PATH@ema`.
    EmaFile(PathBuf),
    /// A repository of a model hub; it must be downloaded first: `owner/name`, with an optional `@REVISION`.
    Hub {
        /// `owner/name`.
        repo: String,
        /// Branch, tag or commit; the hub's main branch when absent.
        revision: Option<String>,
    },
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
    /// A small model of every block of Stable Diffusion 1.5, for trying things out; other sizes than the trained miniature's.
    Mini,
    /// Those of the `config.json` files in a diffusers folder.
    Folder(PathBuf),
}

/// What begins the name of an untrained model.
const RANDOM: &str = "random:";

/// What follows a file's name when its averaged weights are meant.
const EMA: &str = "@ema";

/// Longest revision of a hub.
const REVISION_CHARS_MAX: usize = 200;

impl FromStr for ModelReference {
    type Err = ModelError;

    /// `mini`, `random:…`, a path that exists, such a path with `@ema`, or a Hub id, in this order.
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
        if let Some(path) = text.strip_suffix(EMA).map(PathBuf::from).filter(|path| path.exists()) {
            return if path.is_dir() { Err(ModelError::EmaOfFolder(path)) } else { Ok(Self::EmaFile(path)) };
        }
        let file = text.strip_suffix(EMA).unwrap_or(text);
        if is_file_name(file) {
            return Err(ModelError::NoSuchFile(PathBuf::from(file)));
        }
        hub(text).ok_or_else(|| ModelError::UnknownReference(text.to_owned()))
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

/// `owner/name` or `owner/name@REVISION`, in the characters that hubs allow.
fn hub(text: &str) -> Option<ModelReference> {
    let (repo, revision) = match text.split_once('@') {
        Some((repo, revision)) => (repo, Some(revision)),
        None => (text, None),
    };
    let is_part = |part: &str| {
        !part.is_empty()
            && !part.contains("..")
            && part.chars().all(|character| character.is_ascii_alphanumeric() || "-_.".contains(character))
    };
    let is_repo = repo.split_once('/').is_some_and(|(owner, name)| is_part(owner) && is_part(name));
    let is_revision = |revision: &str| revision.len() <= REVISION_CHARS_MAX && revision.split('/').all(is_part);
    (is_repo && revision.is_none_or(is_revision))
        .then(|| ModelReference::Hub { repo: repo.to_owned(), revision: revision.map(str::to_owned) })
}

impl fmt::Display for ModelReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mini => formatter.write_str("mini"),
            Self::Folder(path) | Self::File(path) => path.display().fmt(formatter),
            Self::EmaFile(path) => write!(formatter, "{}{EMA}", path.display()),
            Self::Hub { repo, revision: None } => formatter.write_str(repo),
            Self::Hub { repo, revision: Some(revision) } => write!(formatter, "{repo}@{revision}"),
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
