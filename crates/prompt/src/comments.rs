//! Comments: from `#` to the end of the line.

/// `text` without its comments. A line that is only a comment goes with its newline; behind other text the newline
/// stays.
///
/// ```
/// assert_eq!(prompt::comments::remove("a cat # mine\n# its house\nin a house"), "a cat \nin a house");
/// ```
pub fn remove(text: &str) -> String {
    let kept = |line| match str::find(line, '#') {
        None => (line, ""),
        Some(0) => ("", ""),
        Some(start) => (&line[..start], if line.ends_with('\n') { "\n" } else { "" }),
    };
    text.split_inclusive('\n').map(kept).flat_map(|(words, newline)| [words, newline]).collect()
}
