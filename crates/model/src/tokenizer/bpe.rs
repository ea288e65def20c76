//! Byte-pair encoding (Sennrich et al., 2016) over UTF-8 bytes, with CLIP's merges.
//!
//! Tokens are numbered: 256 bytes, the same at the end of a word, then one for each merge in the file's order, so a
//! token made by a merge knows its rank.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// The merges of OpenAI's CLIP (see `data/README.md`): a version line, then two pieces a line, best first.
pub(super) const MERGES: &str = include_str!("../../data/clip_merges.txt");
/// Marks the end of a word in [`MERGES`].
const END_OF_WORD: &str = "</w>";
/// Tokens that are single bytes; as many again end a word.
const BYTES: u32 = 256;

/// Which pairs of tokens become one.
#[derive(Debug)]
pub(super) struct Vocabulary {
    /// The token of each byte inside a word.
    byte_tokens: [u32; BYTES as usize],
    /// Two neighbours, and the token they become; a lower number is merged first.
    merges: HashMap<(u32, u32), u32>,
}

impl Vocabulary {
    /// The bundled one.
    pub(super) fn clip() -> Self {
        let order = byte_order();
        let mut byte_tokens = [0; BYTES as usize];
        let mut pieces: HashMap<String, u32> = HashMap::new();
        for (token, (byte, letter)) in (0..).zip(order) {
            byte_tokens[usize::from(byte)] = token;
            pieces.insert(letter.to_string(), token);
            pieces.insert(format!("{letter}{END_OF_WORD}"), token + BYTES);
        }
        let mut merges = HashMap::new();
        for (line, merged) in MERGES.lines().skip(1).zip(2 * BYTES..) {
            // A line that is not two known pieces merges nothing; it keeps its number.
            if let Some((left, right)) = line.split_once(' ')
                && let (Some(&first), Some(&second)) = (pieces.get(left), pieces.get(right))
            {
                merges.insert((first, second), merged);
                pieces.insert(format!("{left}{right}"), merged);
            }
        }
        Self { byte_tokens, merges }
    }

    /// Every piece as it is written in [`MERGES`], in the order of its token.
    pub(super) fn pieces() -> Vec<String> {
        let letters: Vec<String> = byte_order().map(|(_, letter)| letter.to_string()).collect();
        let ends = letters.iter().map(|letter| format!("{letter}{END_OF_WORD}"));
        let merged = MERGES.lines().skip(1).map(|line| line.replace(' ', ""));
        letters.iter().cloned().chain(ends).chain(merged).collect()
    }

    /// Appends the tokens of one word.
    ///
    /// The pair that was learnt first is merged first, and of equal pairs the leftmost. A heap of candidates keeps
    /// this at n·log n for the longest of words.
    pub(super) fn encode_word(&self, word: &str, tokens: &mut Vec<i64>) {
        let mut pieces: Vec<Option<u32>> = word.bytes().map(|byte| Some(self.byte_tokens[usize::from(byte)])).collect();
        let Some(Some(last)) = pieces.last_mut() else { return };
        *last += BYTES;

        let count = pieces.len();
        let mut next: Vec<usize> = (1..=count).collect();
        let mut previous: Vec<usize> = (0..count).map(|index| index.wrapping_sub(1)).collect();
        let merged = |pieces: &[Option<u32>], left: usize, right: usize| {
            let pair = (pieces.get(left).copied()??, pieces.get(right).copied()??);
            self.merges.get(&pair).copied()
        };
        let mut candidates: BinaryHeap<Reverse<(u32, usize)>> =
            (0..count).filter_map(|left| merged(&pieces, left, left + 1).map(|token| Reverse((token, left)))).collect();
        while let Some(Reverse((token, left))) = candidates.pop() {
            let right = next[left];
            // A candidate is stale when one of its two pieces was merged with another meanwhile.
            if merged(&pieces, left, right) != Some(token) {
                continue;
            }
            pieces[left] = Some(token);
            pieces[right] = None;
            next[left] = next[right];
            if let Some(back) = previous.get_mut(next[left]) {
                *back = left;
            }
            if let Some(token) = merged(&pieces, previous[left], left) {
                candidates.push(Reverse((token, previous[left])));
            }
            if let Some(token) = merged(&pieces, left, next[left]) {
                candidates.push(Reverse((token, left)));
            }
        }
        tokens.extend(pieces.into_iter().flatten().map(i64::from));
    }
}

/// All bytes in the order of their tokens, each with the letter that stands for it in [`MERGES`].
///
/// Printable Latin-1 characters stand for themselves and come first; the other bytes follow, written as the
/// characters from U+0100 on.
fn byte_order() -> impl Iterator<Item = (u8, char)> {
    let printable = |byte: &u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let others = (0..=u8::MAX).filter(move |byte| !printable(byte));
    let borrowed = ('\u{100}'..).zip(others).map(|(letter, byte)| (byte, letter));
    (0..=u8::MAX).filter(printable).map(|byte| (byte, char::from(byte))).chain(borrowed)
}
