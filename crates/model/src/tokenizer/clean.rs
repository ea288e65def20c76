//! What happens to text before it is cut into words.

use unicode_normalization::UnicodeNormalization;

/// Canonically composed, runs of white space as one space, lower case.
pub(super) fn clean(text: &str) -> String {
    let composed: String = text.nfc().collect();
    let spaced = composed.split_whitespace().collect::<Vec<_>>().join(" ");
    spaced.to_lowercase()
}
