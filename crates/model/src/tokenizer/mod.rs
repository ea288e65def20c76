//! CLIP's tokenizer: text to numbers of byte-pair encoded pieces, exactly as transformers' `CLIPTokenizer`.
//!
//! # Layout
//! - `clean`: what happens to text before it is cut
//! - `words`: how it is cut into words
//! - `bpe`: how a word becomes tokens, and the bundled vocabulary
//! - `files`: the same as the files that transformers reads

mod bpe;
mod clean;
mod files;
mod words;

use std::sync::LazyLock;

use bpe::Vocabulary;
use words::{Word, words};

/// First token of every sequence.
pub const BOS: i64 = 49406;
/// Last token of every sequence, and SD 1.x's padding.
pub const EOS: i64 = 49407;
/// Tokens of a padded sequence, specials included.
pub const SEQUENCE_LENGTH: usize = 77;

/// CLIP's tokenizer with its one vocabulary, which is part of the program. Copies are free.
#[derive(Debug, Clone, Copy)]
pub struct Tokenizer {
    vocabulary: &'static Vocabulary,
}

impl Tokenizer {
    /// The tokenizer of every Stable Diffusion 1.x model. The vocabulary is read once a process.
    #[must_use]
    pub fn clip() -> Self {
        static CLIP: LazyLock<Vocabulary> = LazyLock::new(Vocabulary::clip);
        Self { vocabulary: &CLIP }
    }

    /// The files of its folder, by name, as transformers' `CLIPTokenizer` reads them.
    #[must_use]
    pub fn files(&self) -> Vec<(&'static str, String)> {
        files::files()
    }

    /// The tokens of `text`, without [`BOS`] and [`EOS`], of any number.
    #[must_use]
    pub fn encode(&self, text: &str) -> Vec<i64> {
        let text = clean::clean(text);
        let mut tokens = Vec::new();
        for word in words(&text) {
            match word {
                Word::StartOfText => tokens.push(BOS),
                Word::EndOfText => tokens.push(EOS),
                Word::Text(word) => self.vocabulary.encode_word(word, &mut tokens),
            }
        }
        tokens
    }

    /// Exactly 77 tokens: [`BOS`], at most 75 of `text`, [`EOS`], and [`EOS`] again up to the end.
    #[must_use]
    pub fn encode_padded(&self, text: &str) -> Vec<i64> {
        let mut tokens = vec![BOS];
        tokens.extend(self.encode(text).into_iter().take(SEQUENCE_LENGTH - 2));
        tokens.resize(SEQUENCE_LENGTH, EOS);
        tokens
    }
}
