//! Extra networks: `<lora:name:0.8>` asks for weights beside the model's and is no text for it.

use std::ops::Range;

use crate::number::decimal;
use crate::words::is_of_word;

/// A tag as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkTag {
    /// The word before the first colon.
    pub kind: String,
    /// What the other colons separate; at least one, perhaps empty.
    pub arguments: Vec<String>,
    /// Where it stood, in bytes of the text before the cut.
    pub span: Range<usize>,
}

/// What a tag asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Network {
    /// `<lora:…>`, also written `<lyco:…>`.
    Lora(Lora),
    /// `<hypernet:…>`.
    Hypernet(Hypernet),
}

/// Low-rank changes of weights: `W += multiplier · (alpha/rank) · up · down` (Hu et al., 2021).
#[derive(Debug, Clone, PartialEq)]
pub struct Lora {
    /// The name of its file, without the ending.
    pub name: String,
    /// Multiplier in the text encoder.
    pub text_encoder: f64,
    /// Multiplier in the UNet.
    pub unet: f64,
    /// Rank of networks that have a choice of it.
    pub dyn_dim: Option<u32>,
}

/// Small networks in the attention's keys and values.
#[derive(Debug, Clone, PartialEq)]
pub struct Hypernet {
    /// The name of its file, without the ending.
    pub name: String,
    /// How strongly it acts.
    pub multiplier: f64,
}

/// A tag that asks for nothing there is. The picture is drawn without it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// A kind that nobody knows.
    #[error("the prompt's tag <{0}:…> is of no known kind; known are lora (or lyco) and hypernet")]
    UnknownKind(String),
    /// Nothing behind the colon.
    #[error("the prompt's tag <{0}:> names no file; write <{0}:name:1>")]
    NoName(String),
    /// A multiplier or rank that is none.
    #[error("the prompt's tag <{kind}:{name}:…> has {given:?} for its {what}; it should be a number")]
    NoNumber {
        /// The tag's kind.
        kind: String,
        /// The network's name.
        name: String,
        /// The argument's name: `te`, `unet`, `dyn` or `multiplier`.
        what: &'static str,
        /// What was written.
        given: String,
    },
}

/// Takes the tags out of `text`: `<word:arguments>`, the word of letters, digits and underscores, the arguments without
/// `>`. The text on both sides is joined as it is.
///
/// ```
/// let (text, tags) = prompt::networks::cut("a cat <lora:oil:0.8>, old");
/// assert_eq!(text, "a cat , old");
/// assert_eq!(tags[0].arguments, ["oil", "0.8"]);
/// ```
pub fn cut(text: &str) -> (String, Vec<NetworkTag>) {
    let mut rest = String::with_capacity(text.len());
    let mut tags = Vec::new();
    let mut done = 0;
    let last_end = text.rfind('>').unwrap_or(0);
    for (start, _) in text[..last_end].match_indices('<') {
        if start >= done
            && let Some(tag) = tag_at(text, start)
        {
            rest.push_str(&text[done..start]);
            done = tag.span.end;
            tags.push(tag);
        }
    }
    rest.push_str(&text[done..]);
    (rest, tags)
}

/// The tag whose `<` is at `start`.
fn tag_at(text: &str, start: usize) -> Option<NetworkTag> {
    let inside = &text[start + 1..];
    let colon = inside.find(|letter| !is_of_word(letter)).filter(|&end| end > 0 && inside[end..].starts_with(':'))?;
    let arguments = &inside[colon + 1..];
    let end = arguments.find('>').filter(|&end| end > 0)?;
    Some(NetworkTag {
        kind: inside[..colon].to_owned(),
        arguments: arguments[..end].split(':').map(str::to_owned).collect(),
        span: start..start + 1 + colon + 1 + end + 1,
    })
}

impl NetworkTag {
    /// What it asks for.
    ///
    /// # Errors
    ///
    /// If its kind is unknown, or its name or a number is absent or wrong. No reason to refuse the request; say so and
    /// go on.
    pub fn read(&self) -> Result<Network, NetworkError> {
        let name = || match self.arguments.first().map(|name| name.trim()) {
            None | Some("") => Err(NetworkError::NoName(self.kind.clone())),
            Some(name) => Ok(name.to_owned()),
        };
        match self.kind.as_str() {
            "lora" | "lyco" => self.lora(name()?).map(Network::Lora),
            "hypernet" => self.hypernet(name()?).map(Network::Hypernet),
            _ => Err(NetworkError::UnknownKind(self.kind.clone())),
        }
    }

    /// `name[:te[:unet[:dyn]]]`, each also as `te=`, `unet=`, `dyn=` anywhere behind the name. The UNet's multiplier is
    /// the text encoder's unless it has one of its own.
    fn lora(&self, name: String) -> Result<Lora, NetworkError> {
        let (named, placed): (Vec<_>, Vec<_>) = self.arguments.iter().skip(1).partition(|given| given.contains('='));
        let named =
            |what| named.iter().rev().filter_map(|given| given.split_once('=')).find(|(key, _)| key.trim() == what);
        let given = |place: usize, what| match named(what) {
            Some((_, value)) => Some(value),
            None => placed.get(place).map(|value| value.as_str()),
        };
        let multiplier = |place, what| given(place, what).map(|value| self.number(what, value)).transpose();
        let text_encoder = multiplier(0, "te")?.unwrap_or(1.0);
        let unet = multiplier(1, "unet")?.unwrap_or(text_encoder);
        let rank = |value: &str| value.trim().parse().map_err(|_| self.no_number("dyn", value));
        let dyn_dim = given(2, "dyn").map(rank).transpose()?;
        Ok(Lora { name, text_encoder, unet, dyn_dim })
    }

    fn hypernet(&self, name: String) -> Result<Hypernet, NetworkError> {
        let multiplier = self.arguments.get(1).map_or(Ok(1.0), |given| self.number("multiplier", given))?;
        Ok(Hypernet { name, multiplier })
    }

    fn number(&self, what: &'static str, given: &str) -> Result<f64, NetworkError> {
        decimal(given.trim()).ok_or_else(|| self.no_number(what, given))
    }

    fn no_number(&self, what: &'static str, given: &str) -> NetworkError {
        let name = self.arguments.first().cloned().unwrap_or_default();
        NetworkError::NoNumber { kind: self.kind.clone(), name, what, given: given.to_owned() }
    }
}
