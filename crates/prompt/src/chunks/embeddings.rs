//! Textual inversion: names that stand for learnt vectors (Gal et al., 2022).

use std::cmp::Reverse;
use std::collections::HashMap;

use super::{CHUNK_TOKENS, Tokenize};

/// The names that stand for vectors. A name is found where its tokens stand in a fragment one after the other.
#[derive(Debug, Clone, Default)]
pub struct Embeddings {
    /// Of each first token, the longest name first.
    by_first_token: HashMap<i64, Vec<Embedding>>,
}

#[derive(Debug, Clone)]
pub(super) struct Embedding {
    /// Its place among those given.
    pub(super) index: usize,
    /// The tokens of its name.
    pub(super) name: Vec<i64>,
    /// How many rows it takes.
    pub(super) vectors: usize,
}

impl Embeddings {
    /// Each name with the number of its vectors. One without any, or with more than the 75 that a chunk has room for,
    /// is never found.
    pub fn new<'a, T: Tokenize>(tokenizer: &T, embeddings: impl IntoIterator<Item = (&'a str, usize)>) -> Self {
        let mut by_first_token: HashMap<i64, Vec<Embedding>> = HashMap::new();
        for (index, (name, vectors)) in embeddings.into_iter().enumerate() {
            let name = tokenizer.encode(name);
            if let Some(&first) = name.first()
                && (1..=CHUNK_TOKENS).contains(&vectors)
            {
                by_first_token.entry(first).or_default().push(Embedding { index, name, vectors });
            }
        }
        for embeddings in by_first_token.values_mut() {
            embeddings.sort_by_key(|embedding| Reverse(embedding.name.len()));
        }
        Self { by_first_token }
    }

    /// The one whose name `tokens` begins with.
    pub(super) fn at(&self, tokens: &[i64]) -> Option<&Embedding> {
        let candidates = self.by_first_token.get(tokens.first()?)?;
        candidates.iter().find(|embedding| tokens.starts_with(&embedding.name))
    }
}
