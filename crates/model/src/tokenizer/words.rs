//! How text is cut into words: CLIP's regular expression
//! `<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+`, written out.

use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

/// A piece of text that no token crosses.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Word<'a> {
    /// `<|startoftext|>`, spelled out
    StartOfText,
    /// `<|endoftext|>`, spelled out
    EndOfText,
    /// Letters, one digit, an English contraction, or signs
    Text(&'a str),
}

const CONTRACTIONS: [&str; 7] = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];

/// What a character is to the expression.
#[derive(PartialEq, Eq, Clone, Copy)]
enum Class {
    Space,
    Letter,
    Number,
    Sign,
}

fn class(c: char) -> Class {
    if c.is_whitespace() {
        return Class::Space;
    }
    match c.general_category_group() {
        GeneralCategoryGroup::Letter => Class::Letter,
        GeneralCategoryGroup::Number => Class::Number,
        _ => Class::Sign,
    }
}

/// The words of `text`, in order.
pub(super) fn words(mut text: &str) -> impl Iterator<Item = Word<'_>> {
    std::iter::from_fn(move || {
        text = text.trim_start();
        let (word, rest) = next_word(text)?;
        text = rest;
        Some(word)
    })
}

/// The word at the start of `text`, and what follows it. `text` does not begin with a space.
fn next_word(text: &str) -> Option<(Word<'_>, &str)> {
    if let Some(rest) = text.strip_prefix("<|startoftext|>") {
        return Some((Word::StartOfText, rest));
    }
    if let Some(rest) = text.strip_prefix("<|endoftext|>") {
        return Some((Word::EndOfText, rest));
    }
    let length = match CONTRACTIONS.iter().find(|contraction| text.starts_with(**contraction)) {
        Some(contraction) => contraction.len(),
        None => run_length(text)?,
    };
    let (word, rest) = text.split_at(length);
    Some((Word::Text(word), rest))
}

/// Bytes of the run of one class at the start of `text`; numbers stand alone.
fn run_length(text: &str) -> Option<usize> {
    let first = text.chars().next()?;
    let kind = class(first);
    if kind == Class::Number {
        return Some(first.len_utf8());
    }
    Some(text.find(|c| class(c) != kind).unwrap_or(text.len()))
}
