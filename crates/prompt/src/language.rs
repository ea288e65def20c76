//! What may differ from one reading of prompts to another.

use crate::chunks::{Chunk, Chunker, Embeddings, Tokenize, level};
use crate::emphasis::{EmphasisMode, fragments};
use crate::styles::Style;

/// Tokens behind a comma that at most move to the next chunk together, where nothing else is asked for.
const COMMA_PADDING_BACKTRACK: usize = 20;

/// How prompts are read. The default is the web UI's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Language {
    /// Put around the prompt one after the other ([`Styles::named`](crate::styles::Styles::named)).
    pub styles: Vec<Style>,
    /// Whether `#` begins a comment.
    pub comments: bool,
    /// What brackets do.
    pub emphasis: EmphasisMode,
    /// A chunk that is full ends behind its last comma if that leaves no more than this many tokens, the comma counted,
    /// to the next; 0: never.
    pub comma_padding_backtrack: usize,
}

impl Default for Language {
    fn default() -> Self {
        Self {
            styles: Vec::new(),
            comments: true,
            emphasis: EmphasisMode::default(),
            comma_padding_backtrack: COMMA_PADDING_BACKTRACK,
        }
    }
}

impl Language {
    /// What the text encoder gets for each of a schedule's texts: as many chunks for each, at least one.
    ///
    /// The texts go together, because [`EmphasisMode::Original`] restores one mean over all of them.
    pub fn chunks<T: Tokenize>(&self, texts: &[String], tokenizer: &T, embeddings: &Embeddings) -> Vec<Vec<Chunk>> {
        let chunker = Chunker { tokenizer, embeddings, comma_padding_backtrack: self.comma_padding_backtrack };
        let mut chunks: Vec<_> = texts.iter().map(|text| chunker.chunks(&fragments(text, self.emphasis))).collect();
        level(&mut chunks, tokenizer);
        chunks
    }
}
