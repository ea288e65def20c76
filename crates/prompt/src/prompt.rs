//! The order in which a prompt is read, in one place.

use crate::comments;
use crate::composition::{self, Part};
use crate::language::Language;
use crate::networks::{self, NetworkTag};
use crate::styles::{self, Style};

/// Longest text that is read, styles included, in bytes: the longest prompt of a request (20,000 characters of up to
/// four bytes) and room for styles. A style that says `{prompt}` twice doubles the text, and may be named again and
/// again.
pub const TEXT_BYTES_MAX: usize = 100_000;

/// A prompt as read: what is the same for every step and both passes.
#[derive(Debug, Clone, PartialEq)]
pub struct Prompt {
    /// Without comments, with styles, and with the networks' tags still in: what infotext and `info` show.
    pub text: String,
    /// The networks that it asks for, in order; none in a negative prompt.
    pub networks: Vec<NetworkTag>,
    /// What makes the picture, at least one; exactly one, of weight 1, in a negative prompt.
    pub parts: Vec<Part>,
}

/// A prompt that became too long.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the prompt is longer than {TEXT_BYTES_MAX} bytes with its styles; shorten it or name fewer styles")]
pub struct TooLong;

impl Prompt {
    /// Reads a prompt: comments, styles, networks, composition.
    ///
    /// # Errors
    ///
    /// If the text with its styles is longer than [`TEXT_BYTES_MAX`].
    pub fn positive(text: &str, language: &Language) -> Result<Self, TooLong> {
        let text = merged(text, language, |style| &style.prompt)?;
        let (words, networks) = networks::cut(&text);
        Ok(Self { networks, parts: composition::split(&words), text })
    }

    /// Reads a negative prompt: comments and styles. `AND` and `<lora:…>` are words like others there.
    ///
    /// # Errors
    ///
    /// If the text with its styles is longer than [`TEXT_BYTES_MAX`].
    pub fn negative(text: &str, language: &Language) -> Result<Self, TooLong> {
        let text = merged(text, language, |style| &style.negative_prompt)?;
        Ok(Self { networks: Vec::new(), parts: vec![Part { text: text.clone(), weight: 1.0 }], text })
    }
}

/// The text without comments, and each style's around it. A comment ends before the styles, and a style's own with the
/// style.
fn merged(text: &str, language: &Language, of_style: impl Fn(&Style) -> &String) -> Result<String, TooLong> {
    let uncommented = |text: &str| if language.comments { comments::remove(text) } else { text.to_owned() };
    let mut merged = uncommented(text);
    for style in &language.styles {
        if merged.len() > TEXT_BYTES_MAX {
            break;
        }
        merged = styles::apply(&merged, &uncommented(of_style(style)));
    }
    if merged.len() > TEXT_BYTES_MAX { Err(TooLong) } else { Ok(merged) }
}
