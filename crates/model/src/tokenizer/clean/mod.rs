//! What happens to text before it is cut into words: what the Python library ftfy does by default, then white space
//! and case.
//!
//! Transformers' tokenizer runs ftfy where it is installed, and so did the tools that trained and popularised
//! Stable Diffusion. One of its steps is left out: guessing that text was decoded in a wrong encoding, which a
//! prompt that arrives as JSON cannot have been here.
//!
//! # Layout
//! - [`html`]: character references
//! - [`characters`]: single characters that have a plainer form

mod characters;
mod html;

use unicode_normalization::UnicodeNormalization;

use characters::{plain, remove_terminal_escapes};

/// References may hide references (`&amp;lt;`); so many layers are taken off.
const PASSES_MAX: usize = 16;

/// Plain characters, canonically composed, runs of white space as one space, lower case.
pub(super) fn clean(text: &str) -> String {
    let fixed = fix_text(text);
    let spaced = fixed.split_whitespace().collect::<Vec<_>>().join(" ");
    spaced.to_lowercase()
}

/// ftfy's `fix_text`, line by line. From the first line with a `<` on, `&` is taken for markup and left alone.
fn fix_text(text: &str) -> String {
    let mut unescape = true;
    let mut fixed = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        unescape &= !line.contains('<');
        fixed.push_str(&fix_line(line, unescape));
    }
    fixed
}

/// Repeats the steps until they change nothing.
fn fix_line(line: &str, unescape: bool) -> String {
    let mut line = line.to_owned();
    for _ in 0..PASSES_MAX {
        let unescaped = if unescape { html::unescape(&line) } else { line.clone() };
        let plainer: String = remove_terminal_escapes(&unescaped).chars().flat_map(plain).collect();
        let fixed: String = plainer.nfc().collect();
        if fixed == line {
            break;
        }
        line = fixed;
    }
    line
}
