//! Words in capitals that command. They do so only where they stand alone.

use std::ops::Range;

/// Where the pieces of `text` between the occurrences of `word` lie; one piece more than occurrences.
///
/// Neither a letter, a digit nor an underscore may touch the word: `HANDS` has no `AND`.
pub(crate) fn split_at(text: &str, word: &str) -> Vec<Range<usize>> {
    let stands_alone = |start: usize| {
        let before = text[..start].chars().next_back();
        let after = text[start + word.len()..].chars().next();
        !before.is_some_and(is_of_word) && !after.is_some_and(is_of_word)
    };
    let mut pieces = Vec::new();
    let mut start = 0;
    for (found, _) in text.match_indices(word).filter(|(found, _)| stands_alone(*found)) {
        pieces.push(start..found);
        start = found + word.len();
    }
    pieces.push(start..text.len());
    pieces
}

/// Whether the character belongs to a word.
pub(crate) fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}
