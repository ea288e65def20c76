//! Chunks: what the text encoder reads at once.

mod embeddings;

pub use embeddings::Embeddings;

use crate::emphasis::Fragment;

/// Tokens of the prompt in a chunk.
pub const CHUNK_TOKENS: usize = 75;
/// Length of a chunk: its tokens between a begin and an end.
pub const CHUNK_LENGTH: usize = CHUNK_TOKENS + 2;
/// Stands where an embedding's vector will be; which token it is does not matter.
const PLACEHOLDER: i64 = 0;

/// Who knows the tokens.
pub trait Tokenize {
    /// The tokens of `text`, all of them and no special ones.
    fn encode(&self, text: &str) -> Vec<i64>;
    /// The token that begins a chunk (CLIP: 49406).
    fn begin(&self) -> i64;
    /// The token that ends a chunk and fills what is left of it (CLIP: 49407).
    fn end(&self) -> i64;
    /// The comma as a word (CLIP: 267).
    fn comma(&self) -> i64;
}

/// One input of the text encoder.
#[derive(Debug, Clone, PartialEq)]
pub struct Chunk {
    /// Begin, 75 tokens, end.
    pub ids: [i64; CHUNK_LENGTH],
    /// The weight of each token; 1 for begin, end and filling.
    pub weights: [f32; CHUNK_LENGTH],
    /// Where embeddings stand, in order.
    pub replaced: Vec<Replaced>,
}

/// The rows from `position` on are an embedding's vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replaced {
    /// The first row, of the chunk's 77.
    pub position: usize,
    /// The embedding's place among those that [`Embeddings::new`] was given.
    pub embedding: usize,
}

impl Chunk {
    /// A chunk of no text.
    pub fn empty<T: Tokenize>(tokenizer: &T) -> Self {
        let mut ids = [tokenizer.end(); CHUNK_LENGTH];
        ids[0] = tokenizer.begin();
        Self { ids, weights: [1.0; CHUNK_LENGTH], replaced: Vec::new() }
    }
}

/// Makes all as long as the longest with chunks of no text.
pub fn level<T: Tokenize>(texts: &mut [Vec<Chunk>], tokenizer: &T) {
    let longest = texts.iter().map(Vec::len).max().unwrap_or(0);
    for chunks in texts {
        chunks.resize_with(longest, || Chunk::empty(tokenizer));
    }
}

/// Fills chunks.
#[derive(Debug)]
pub struct Chunker<'a, T> {
    /// Who knows the tokens.
    pub tokenizer: &'a T,
    /// Who knows the names that stand for vectors.
    pub embeddings: &'a Embeddings,
    /// A chunk that is full ends behind its last comma if that leaves no more than this many tokens, the comma counted,
    /// to the next; 0: never.
    pub comma_padding_backtrack: usize,
}

impl<T: Tokenize> Chunker<'_, T> {
    /// The chunks of one text, at least one. A `BREAK` ends a chunk even if it is empty; the end of the text does not.
    pub fn chunks(&self, fragments: &[Fragment]) -> Vec<Chunk> {
        let mut filling = Filling { chunker: self, chunks: Vec::new(), open: Open::default() };
        for fragment in fragments {
            match fragment {
                Fragment::Break => filling.close(),
                Fragment::Text { text, weight } => filling.text(&self.tokenizer.encode(text), *weight as f32),
            }
        }
        if !filling.open.tokens.is_empty() || filling.chunks.is_empty() {
            filling.close();
        }
        filling.chunks
    }
}

/// The chunks so far, and the one that is not yet full.
struct Filling<'a, T> {
    chunker: &'a Chunker<'a, T>,
    chunks: Vec<Chunk>,
    open: Open,
}

#[derive(Default)]
struct Open {
    tokens: Vec<(i64, f32)>,
    /// With positions among `tokens`.
    replaced: Vec<Replaced>,
    /// Where the last comma is among `tokens`.
    comma: Option<usize>,
}

impl<T: Tokenize> Filling<'_, T> {
    fn text(&mut self, mut tokens: &[i64], weight: f32) {
        while let Some((&token, behind)) = tokens.split_first() {
            let is_comma = token == self.chunker.tokenizer.comma();
            if !is_comma && self.open.tokens.len() == CHUNK_TOKENS {
                self.close_behind_comma();
            }
            if let Some(embedding) = self.chunker.embeddings.at(tokens) {
                self.make_room(embedding.vectors);
                let position = self.open.tokens.len();
                self.open.replaced.push(Replaced { position, embedding: embedding.index });
                self.open.tokens.extend(std::iter::repeat_n((PLACEHOLDER, weight), embedding.vectors));
                tokens = &tokens[embedding.name.len()..];
            } else {
                if is_comma {
                    self.open.comma = Some(self.open.tokens.len());
                }
                self.make_room(1);
                self.open.tokens.push((token, weight));
                tokens = behind;
            }
        }
    }

    fn make_room(&mut self, count: usize) {
        if self.open.tokens.len() + count > CHUNK_TOKENS {
            self.close();
        }
    }

    /// Lets a full chunk end behind its last comma, if that is near enough; what stands behind goes to the next,
    /// embeddings too.
    fn close_behind_comma(&mut self) {
        let Some(comma) = self.open.comma else { return };
        if CHUNK_TOKENS - comma > self.chunker.comma_padding_backtrack {
            return;
        }
        let start = comma + 1;
        let tokens = self.open.tokens.split_off(start);
        let first_moved = self.open.replaced.partition_point(|replaced| replaced.position < start);
        let moved = self.open.replaced.split_off(first_moved).into_iter();
        let replaced = moved.map(|replaced| Replaced { position: replaced.position - start, ..replaced }).collect();
        self.close();
        self.open = Open { tokens, replaced, comma: None };
    }

    fn close(&mut self) {
        let open = std::mem::take(&mut self.open);
        let mut chunk = Chunk::empty(self.chunker.tokenizer);
        for (row, (id, weight)) in (1..).zip(open.tokens) {
            (chunk.ids[row], chunk.weights[row]) = (id, weight);
        }
        let row = |replaced: Replaced| Replaced { position: replaced.position + 1, ..replaced };
        chunk.replaced = open.replaced.into_iter().map(row).collect();
        self.chunks.push(chunk);
    }
}
