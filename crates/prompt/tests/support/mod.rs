//! A tokenizer of whole words, and texts of chance.
#![allow(dead_code, reason = "not every test uses everything")]

use prompt::chunks::Tokenize;

/// One token for each word and each comma.
pub(crate) struct Words;

pub(crate) const BEGIN: i64 = 49406;
pub(crate) const END: i64 = 49407;
pub(crate) const COMMA: i64 = 267;

/// The token of a word: the same for the same letters, and none of the special ones.
pub(crate) fn token(word: &str) -> i64 {
    let hash = word.bytes().fold(17_u64, |hash, byte| (hash * 31 + u64::from(byte)) % 40_009);
    i64::try_from(hash).expect("it is below 40,009") + 1_000
}

impl Tokenize for Words {
    fn encode(&self, text: &str) -> Vec<i64> {
        let spaced = text.replace(',', " , ");
        spaced.split_whitespace().map(|word| if word == "," { COMMA } else { token(word) }).collect()
    }

    fn begin(&self) -> i64 {
        BEGIN
    }

    fn end(&self) -> i64 {
        END
    }

    fn comma(&self) -> i64 {
        COMMA
    }
}

/// The sequence of Steele, Lea and Flood (2014), "Fast Splittable Pseudorandom Number Generators".
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as usize % bound
    }

    /// Up to `most` of `pieces`, one after the other.
    pub(crate) fn text(&mut self, pieces: &[&str], most: usize) -> String {
        (0..self.below(most + 1)).map(|_| pieces[self.below(pieces.len())]).collect()
    }
}

/// What means something in prompts, and some of what does not.
pub(crate) const PIECES: [&str; 34] = [
    "(", "(", "[", "[", ")", ")", "]", "]", ":", ":", "|", "\\", "0.5", "1.3", "3", "-", ".", "<", ">", "lora:x", "#",
    "\n", " ", " ", ",", "cat", "dog ", " AND ", " BREAK ", "AND", "é", "猫", "🐱", "{prompt}",
];
