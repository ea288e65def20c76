//! Emphasis: brackets that make words heavier or lighter.

mod scanner;

use names::names;

use crate::{DEPTH_MAX, words};
use scanner::{Scanner, Token};

/// Ends a chunk where it stands alone.
const BREAK: &str = "BREAK";
/// A bracket without a number multiplies the weight by it, a square one by its inverse.
const ROUND: f64 = 1.1;
const SQUARE: f64 = 1.0 / ROUND;
/// The weight of [`BREAK`] until a bracket multiplies it.
const BREAK_WEIGHT: f64 = -1.0;

names! {
    /// What brackets do.
    pub enum EmphasisMode: "emphasis" {
        /// Weights multiply the text encoder's output, and the output's mean is restored.
        Original = "Original",
        /// Weights multiply the text encoder's output.
        NoNorm = "No norm",
        /// Brackets are read and left out, their weights forgotten.
        Ignore = "Ignore",
        /// Brackets, backslashes and BREAK are text like any other.
        None = "None",
    }
}

#[allow(clippy::derivable_impls, reason = "names! declares the variants")]
impl Default for EmphasisMode {
    fn default() -> Self {
        Self::Original
    }
}

impl EmphasisMode {
    /// The mode of this name; any other acts as [`Self::Original`].
    pub fn named(name: &str) -> Self {
        name.parse().unwrap_or_default()
    }

    /// Whether the mean of the text encoder's output is restored: with `z` the output for one chunk of all variants of
    /// the prompt and `m` the weights, `z·m · mean(z) / mean(z·m)`.
    pub fn restores_mean(self) -> bool {
        self == Self::Original
    }
}

/// A piece of a prompt.
#[derive(Debug, Clone, PartialEq)]
pub enum Fragment {
    /// Text that is tokenized on its own.
    Text {
        /// Without brackets and backslashes.
        text: String,
        /// The product of its brackets, from the innermost outwards.
        weight: f64,
    },
    /// Here the chunk ends.
    Break,
}

/// The pieces of `text`, at least one. Neighbours of equal weight are one piece.
///
/// - `(…)` multiplies by 1.1, `[…]` by 1/1.1, `(…:1.3)` by the number. One that stays open lasts to the end, without
///   its number.
/// - A close without an open is text, and so is an open that would nest deeper than [`DEPTH_MAX`].
/// - `\(`, `\)`, `\[`, `\]` and `\\` are those characters; other backslashes are dropped.
/// - `BREAK` stands alone and takes the space around it along. Inside of brackets it is text with a negative weight,
///   `(a BREAK b:1.2)`: -1.2. That is a slip of the web UI's that pictures made with it show, and what a prompt looks
///   like there it should look like here.
///
/// ```
/// use prompt::emphasis::{EmphasisMode, Fragment, fragments};
/// let text = |text: &str, weight| Fragment::Text { text: text.into(), weight };
/// assert_eq!(fragments("a (cat:1.3)", EmphasisMode::Original), [text("a ", 1.0), text("cat", 1.3)]);
/// ```
pub fn fragments(text: &str, mode: EmphasisMode) -> Vec<Fragment> {
    if mode == EmphasisMode::None {
        return vec![Fragment::Text { text: text.to_owned(), weight: 1.0 }];
    }
    let mut reading = Reading::default();
    for token in (Scanner { rest: text }) {
        reading.take(token);
    }
    reading.close_all();
    let mut fragments = merged(reading.pieces);
    if mode == EmphasisMode::Ignore {
        for fragment in &mut fragments {
            if let Fragment::Text { weight, .. } = fragment {
                *weight = 1.0;
            }
        }
    }
    fragments
}

/// Text before neighbours are merged.
struct Piece {
    text: String,
    weight: f64,
    is_break: bool,
}

/// What was read so far, and after how many pieces each open bracket began.
#[derive(Default)]
struct Reading {
    pieces: Vec<Piece>,
    round: Vec<usize>,
    square: Vec<usize>,
}

impl Reading {
    fn take(&mut self, token: Token<'_>) {
        match token {
            Token::Literal(text) => self.literal(text),
            Token::OpenRound if self.round.len() == DEPTH_MAX => self.literal("("),
            Token::OpenSquare if self.square.len() == DEPTH_MAX => self.literal("["),
            Token::OpenRound => self.round.push(self.pieces.len()),
            Token::OpenSquare => self.square.push(self.pieces.len()),
            Token::CloseRound(weight, written) => match self.round.pop() {
                Some(start) => self.multiply(start, weight.unwrap_or(ROUND)),
                None => self.literal(written),
            },
            Token::CloseSquare => match self.square.pop() {
                Some(start) => self.multiply(start, SQUARE),
                None => self.literal("]"),
            },
        }
    }

    fn literal(&mut self, text: &str) {
        let pieces = words::split_at(text, BREAK);
        let last = pieces.len() - 1;
        for (index, piece) in pieces.into_iter().enumerate() {
            let mut text = &text[piece];
            if index > 0 {
                text = text.trim_start();
                self.pieces.push(Piece { text: BREAK.to_owned(), weight: BREAK_WEIGHT, is_break: true });
            }
            if index < last {
                text = text.trim_end();
            }
            self.pieces.push(Piece { text: text.to_owned(), weight: 1.0, is_break: false });
        }
    }

    fn multiply(&mut self, start: usize, factor: f64) {
        for piece in &mut self.pieces[start..] {
            piece.weight *= factor;
        }
    }

    fn close_all(&mut self) {
        for start in std::mem::take(&mut self.round) {
            self.multiply(start, ROUND);
        }
        for start in std::mem::take(&mut self.square) {
            self.multiply(start, SQUARE);
        }
    }
}

/// Pieces without text separate their neighbours, but become no fragment; no text at all is one fragment.
#[allow(clippy::float_cmp, reason = "equal are weights that are the same product")]
fn merged(pieces: Vec<Piece>) -> Vec<Fragment> {
    let mut merged: Vec<Piece> = Vec::new();
    for piece in pieces {
        match merged.last_mut() {
            Some(last) if last.weight == piece.weight => {
                last.text.push_str(&piece.text);
            }
            _ => merged.push(piece),
        }
    }
    let fragment = |piece: Piece| match piece {
        Piece { weight: BREAK_WEIGHT, is_break: true, .. } => Some(Fragment::Break),
        Piece { text, .. } if text.is_empty() => None,
        Piece { text, weight, .. } => Some(Fragment::Text { text, weight }),
    };
    let mut fragments: Vec<_> = merged.into_iter().filter_map(fragment).collect();
    if fragments.is_empty() {
        fragments.push(Fragment::Text { text: String::new(), weight: 1.0 });
    }
    fragments
}
