//! The caption (training prompt) that a name stands for: the original endpoint's rule, spec section 1.4; and the caption
//! that a text file beside an image holds.

use std::fs;
use std::path::{Path, PathBuf};

/// A word that the original's own tools put into file names; it never reaches a caption.
const MARKER: &str = "conceptimagedb";

/// The caption of the image at `path`: its stem without digits, `(`, `)` and `-`, with a space for each `_`, and without
/// the word `conceptimagedb`. Nothing is trimmed or added, so it may be empty or end in a space.
///
/// `wixbs (0).jpg` becomes `wixbs `, and `mid-century_chair (2).jpeg` becomes `midcentury chair `.
pub fn from_file_name(path: &Path) -> String {
    from_stem(&path.file_stem().unwrap_or_default().to_string_lossy())
}

/// The caption of every image of a concept: its name as it is, or, where it is not `verbatim`, what the original made of it.
/// That one renamed the files to `"<concept> (<number>).jpg"` first, so digits and hyphens are lost and a space is added.
pub fn from_concept_name(name: &str, verbatim: bool) -> String {
    if verbatim { name.to_owned() } else { from_stem(&format!("{name} ()")) }
}

fn from_stem(stem: &str) -> String {
    let kept: String = stem
        .chars()
        .filter(|&c| !is_digit(c) && !matches!(c, '(' | ')' | '-'))
        .map(|c| if c == '_' { ' ' } else { c })
        .collect();
    kept.replace(MARKER, "")
}

/// File name extensions of captions beside an image, the first one that is there counts.
const CAPTION_EXTENSIONS: [&str; 3] = ["txt", "TXT", "caption"];
/// Largest caption file. The text encoder reads 75 tokens, so a larger file is no caption.
const CAPTION_FILE_BYTES_MAX: u64 = 65_536;

/// A caption file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusableCaption {
    /// Where it lies.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

/// What the text file beside `image` says: of `dog.jpg`, the first line with something in it of `dog.txt` or `dog.caption`,
/// without the space around it. Nothing when there is no such file, or when it is empty.
///
/// # Errors
/// When the file is there but cannot be read, is no UTF-8 text or too large.
pub fn from_file_beside(image: &Path) -> Result<Option<String>, UnusableCaption> {
    // A link is no caption: it could lead out of the data set.
    let is_file = |path: &PathBuf| fs::symlink_metadata(path).is_ok_and(|data| data.is_file());
    let Some(path) = CAPTION_EXTENSIONS.iter().map(|extension| image.with_extension(extension)).find(is_file) else {
        return Ok(None);
    };
    match first_line(&path) {
        Ok(line) => Ok(line),
        Err(reason) => Err(UnusableCaption { path, reason }),
    }
}

/// The first line of a file that is not blank, or the reason why it cannot be told.
fn first_line(path: &Path) -> Result<Option<String>, String> {
    let bytes = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if bytes > CAPTION_FILE_BYTES_MAX {
        return Err(format!("it has {bytes} bytes, but a caption has at most {CAPTION_FILE_BYTES_MAX}"));
    }
    let text = fs::read(path).map_err(|error| error.to_string())?;
    let text = String::from_utf8(text).map_err(|_| "it is no UTF-8 text".to_owned())?;
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
    Ok(text.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned))
}

/// True for what Python's `str.isdigit` calls a digit: the decimal digits of every script, and the superscript,
/// subscript, circled and other digits of Unicode's property `Numeric_Type=Digit`.
fn is_digit(c: char) -> bool {
    let code = u32::from(c);
    let after = DIGITS.partition_point(|&(first, _)| first <= code);
    after > 0 && code <= DIGITS[after - 1].1
}

/// First and last code point of each run of digits, ascending. From the Unicode Character Database 14.0.
#[rustfmt::skip]
const DIGITS: [(u32, u32); 81] = [
    (0x0030, 0x0039), (0x00B2, 0x00B3), (0x00B9, 0x00B9), (0x0660, 0x0669), (0x06F0, 0x06F9),
    (0x07C0, 0x07C9), (0x0966, 0x096F), (0x09E6, 0x09EF), (0x0A66, 0x0A6F), (0x0AE6, 0x0AEF),
    (0x0B66, 0x0B6F), (0x0BE6, 0x0BEF), (0x0C66, 0x0C6F), (0x0CE6, 0x0CEF), (0x0D66, 0x0D6F),
    (0x0DE6, 0x0DEF), (0x0E50, 0x0E59), (0x0ED0, 0x0ED9), (0x0F20, 0x0F29), (0x1040, 0x1049),
    (0x1090, 0x1099), (0x1369, 0x1371), (0x17E0, 0x17E9), (0x1810, 0x1819), (0x1946, 0x194F),
    (0x19D0, 0x19DA), (0x1A80, 0x1A89), (0x1A90, 0x1A99), (0x1B50, 0x1B59), (0x1BB0, 0x1BB9),
    (0x1C40, 0x1C49), (0x1C50, 0x1C59), (0x2070, 0x2070), (0x2074, 0x2079), (0x2080, 0x2089),
    (0x2460, 0x2468), (0x2474, 0x247C), (0x2488, 0x2490), (0x24EA, 0x24EA), (0x24F5, 0x24FD),
    (0x24FF, 0x24FF), (0x2776, 0x277E), (0x2780, 0x2788), (0x278A, 0x2792), (0xA620, 0xA629),
    (0xA8D0, 0xA8D9), (0xA900, 0xA909), (0xA9D0, 0xA9D9), (0xA9F0, 0xA9F9), (0xAA50, 0xAA59),
    (0xABF0, 0xABF9), (0xFF10, 0xFF19), (0x104A0, 0x104A9), (0x10A40, 0x10A43), (0x10D30, 0x10D39),
    (0x10E60, 0x10E68), (0x11052, 0x1105A), (0x11066, 0x1106F), (0x110F0, 0x110F9), (0x11136, 0x1113F),
    (0x111D0, 0x111D9), (0x112F0, 0x112F9), (0x11450, 0x11459), (0x114D0, 0x114D9), (0x11650, 0x11659),
    (0x116C0, 0x116C9), (0x11730, 0x11739), (0x118E0, 0x118E9), (0x11950, 0x11959), (0x11C50, 0x11C59),
    (0x11D50, 0x11D59), (0x11DA0, 0x11DA9), (0x16A60, 0x16A69), (0x16AC0, 0x16AC9), (0x16B50, 0x16B59),
    (0x1D7CE, 0x1D7FF), (0x1E140, 0x1E149), (0x1E2F0, 0x1E2F9), (0x1E950, 0x1E959), (0x1F100, 0x1F10A),
    (0x1FBF0, 0x1FBF9),
];
