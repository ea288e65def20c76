//! Composition: several prompts in one, each with its own pull (Liu et al., 2022, "Compositional Visual Generation").

use crate::number::decimal;
use crate::schedule::{Pass, Schedule};
use crate::words;

/// Joins prompts where it stands alone, in brackets too.
const AND: &str = "AND";

/// One of the prompts that together make a picture: the guided noise is `D_u + Σ weight · cfg · (D_part − D_u)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The prompt, its schedules and brackets still in.
    pub text: String,
    /// How strongly it pulls; negative pushes away.
    pub weight: f64,
}

impl Part {
    /// Which text holds when.
    pub fn schedule(&self, pass: Pass) -> Schedule {
        Schedule::new(&self.text, pass)
    }
}

/// The prompts between the words `AND`, at least one. `: number` at the end of each, of a lone one too, is its weight;
/// without it the weight is 1. Space at the end is dropped, and that at the beginning is kept.
///
/// ```
/// let parts = prompt::composition::split("a cat :1.5 AND a dog");
/// assert_eq!((parts[0].text.as_str(), parts[0].weight), ("a cat", 1.5));
/// assert_eq!((parts[1].text.as_str(), parts[1].weight), (" a dog", 1.0));
/// ```
pub fn split(text: &str) -> Vec<Part> {
    words::split_at(text, AND).into_iter().map(|piece| part(&text[piece])).collect()
}

fn part(text: &str) -> Part {
    let weighted = text.rsplit_once(':').and_then(|(text, weight)| Some((text, decimal(weight.trim())?)));
    let (text, weight) = weighted.unwrap_or((text, 1.0));
    Part { text: text.trim_end().to_owned(), weight }
}
