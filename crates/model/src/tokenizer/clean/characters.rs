//! Single characters that have a plainer form.

use unicode_normalization::UnicodeNormalization;

/// Windows-1252's meaning of the bytes 0x80 to 0x9F; 0 where it has none.
const WINDOWS_1252: [u16; 32] = [
    0x20AC, 0, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0, 0x017D, 0, 0,
    0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0, 0x017E, 0x0178,
];

/// The plain form of a character: none for control characters, several letters for a ligature.
pub(super) fn plain(c: char) -> impl Iterator<Item = char> {
    let c = from_windows_1252(c);
    let one = |c: char| Plain::One(std::iter::once(c));
    match c {
        c if c.is_ascii_graphic() || c == ' ' => one(c),
        // Unseparated controls, deprecated format characters, byte order marks, interlinear annotations.
        '\0'..='\x08' | '\x0B' | '\x0E'..='\x1F' | '\x7F' => Plain::None,
        '\u{206A}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFC}' => Plain::None,
        '\r' | '\u{2028}' | '\u{2029}' => one('\n'),
        '\u{02BC}' | '\u{2018}'..='\u{201B}' => one('\''),
        '\u{201C}'..='\u{201F}' => one('"'),
        '\u{3000}' => one(' '),
        // Full-width Latin, half-width Katakana and Hangul.
        '\u{FF01}'..='\u{FFEF}' => Plain::Compatible(std::iter::once(c).nfkc()),
        _ => match ligature(c) {
            Some(letters) => Plain::Letters(letters.chars()),
            None => one(c),
        },
    }
}

/// What [`plain`] answers, without allocating for each character.
enum Plain {
    None,
    One(std::iter::Once<char>),
    Letters(std::str::Chars<'static>),
    Compatible(unicode_normalization::Recompositions<std::iter::Once<char>>),
}

impl Iterator for Plain {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        match self {
            Self::None => None,
            Self::One(one) => one.next(),
            Self::Letters(letters) => letters.next(),
            Self::Compatible(letters) => letters.next(),
        }
    }
}

/// C1 controls stand for what Windows-1252 has in their place.
pub(super) fn from_windows_1252(c: char) -> char {
    let index = u32::from(c).wrapping_sub(0x80) as usize;
    let meaning = WINDOWS_1252.get(index).copied().filter(|&point| point != 0);
    meaning.and_then(|point| char::from_u32(point.into())).unwrap_or(c)
}

/// The letters of a Latin ligature or digraph.
fn ligature(c: char) -> Option<&'static str> {
    Some(match c {
        'Ĳ' => "IJ",
        'ĳ' => "ij",
        'ŉ' => "'n",
        'Ǳ' => "DZ",
        'ǲ' => "Dz",
        'ǳ' => "dz",
        'Ǆ' => "DŽ",
        'ǅ' => "Dž",
        'ǆ' => "dž",
        'Ǉ' => "LJ",
        'ǈ' => "Lj",
        'ǉ' => "lj",
        'Ǌ' => "NJ",
        'ǋ' => "Nj",
        'ǌ' => "nj",
        'ﬀ' => "ff",
        'ﬁ' => "fi",
        'ﬂ' => "fl",
        'ﬃ' => "ffi",
        'ﬄ' => "ffl",
        'ﬅ' => "ſt",
        'ﬆ' => "st",
        _ => return None,
    })
}

/// Removes ANSI colour and cursor sequences: escape, bracket, numbers, a letter.
pub(super) fn remove_terminal_escapes(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    let mut parts = text.split("\x1b[");
    cleaned.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        match rest.strip_prefix(|c: char| c.is_ascii_alphabetic()) {
            Some(rest) => cleaned.push_str(rest),
            // Not a sequence after all: the escape itself is removed as a control character later.
            None => {
                cleaned.push_str("\x1b[");
                cleaned.push_str(part);
            }
        }
    }
    cleaned
}
