//! Character references of HTML: `&amp;`, `&#233;`, `&#xE9;`.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::characters::from_windows_1252;

/// A name and the code points it stands for a line; see `data/README.md`.
const NAMED: &str = include_str!("../../../data/html_entities.txt");
/// Letters and digits of the longest reference that ftfy looks at.
const NAME_MAX: usize = 24;

/// Replaces references that end in a semicolon; what is none stays as it is.
pub(super) fn unescape(text: &str) -> String {
    let mut unescaped = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        unescaped.push_str(&rest[..start]);
        rest = &rest[start + 1..];
        match reference(rest) {
            Some((character, length)) => {
                unescaped.push_str(&character);
                rest = &rest[length..];
            }
            None => unescaped.push('&'),
        }
    }
    unescaped.push_str(rest);
    unescaped
}

/// What the reference after an `&` stands for, and its length with the semicolon.
fn reference(text: &str) -> Option<(String, usize)> {
    // A hash, a name and the semicolon; no further, or a text full of `&` would be searched again and again.
    let end = text.bytes().take(NAME_MAX + 2).position(|byte| byte == b';')?;
    let name = &text[..end];
    let letters = name.strip_prefix('#').unwrap_or(name);
    if letters.is_empty() || letters.len() > NAME_MAX || !letters.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let meaning = if name.starts_with('#') { numeric(letters)? } else { named(name)? };
    Some((meaning, name.len() + 1))
}

/// `233` or `xE9`. References to C1 controls mean Windows-1252, and impossible numbers the replacement character.
fn numeric(digits: &str) -> Option<String> {
    let number = match digits.strip_prefix(['x', 'X']) {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) && !digits.is_empty() => {
            u32::from_str_radix(digits, 16).unwrap_or(u32::MAX)
        }
        None if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().unwrap_or(u32::MAX),
        _ => return None,
    };
    let character = char::from_u32(number).filter(|&c| c != '\0').unwrap_or(char::REPLACEMENT_CHARACTER);
    Some(from_windows_1252(character).to_string())
}

/// A name of HTML, or the shouted form of a lower-case one that HTML does not know: `&EACUTE;`.
fn named(name: &str) -> Option<String> {
    static TABLE: LazyLock<HashMap<&str, String>> = LazyLock::new(|| {
        let line = |line: &'static str| {
            let (name, points) = line.split_once(' ')?;
            let character = |point| u32::from_str_radix(point, 16).ok().and_then(char::from_u32);
            Some((name, points.split(' ').filter_map(character).collect()))
        };
        NAMED.lines().filter_map(line).collect()
    });
    if let Some(meaning) = TABLE.get(name) {
        return Some(meaning.clone());
    }
    let shouted = !name.bytes().any(|byte| byte.is_ascii_lowercase());
    let quiet = TABLE.get(name.to_ascii_lowercase().as_str()).filter(|_| shouted)?;
    Some(quiet.to_uppercase())
}
