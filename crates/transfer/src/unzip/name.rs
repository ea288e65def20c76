//! Which entries of a zip are wanted, and under which plain file name.

use std::io::Read;

use zip::read::ZipFile;

/// Longest file name, in bytes, that every file system takes.
const NAME_BYTES_MAX: usize = 255;

/// The plain file name of an entry that is a regular file and no litter of an operating system.
pub(super) fn wanted_name<R: Read>(entry: &ZipFile<'_, R>) -> Option<String> {
    /// The file type bits of a Unix mode, and the type "regular file".
    const TYPE_BITS: u32 = 0o170_000;
    const REGULAR: u32 = 0o100_000;
    let special = entry.unix_mode().is_some_and(|mode| mode & TYPE_BITS != 0 && mode & TYPE_BITS != REGULAR);
    if special || entry.is_dir() || entry.is_symlink() {
        return None;
    }
    // Some packers write UTF-8 without saying so; what is no UTF-8 is in the code page of MS-DOS.
    match std::str::from_utf8(entry.name_raw()) {
        Ok(name) => plain_name(name),
        Err(_) => plain_name(&entry.name().ok()?),
    }
}

/// The last part of a path in either notation, fit to be a file name; `None` for folders and litter.
fn plain_name(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = path.split(['/', '\\']).collect();
    let name = parts.pop()?;
    // `__MACOSX`, `._dog.jpg`, `.DS_Store`, and `.` and `..` as well.
    if name.is_empty() || name.starts_with('.') || parts.contains(&"__MACOSX") {
        return None;
    }
    let name: String = name.chars().map(|c| if c.is_control() || c == ':' { '_' } else { c }).collect();
    Some(shortened(name))
}

/// Cuts a name that no file system takes in the middle, so that its extension stays.
fn shortened(name: String) -> String {
    if name.len() <= NAME_BYTES_MAX {
        return name;
    }
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if extension.len() <= 16 => (stem, format!(".{extension}")),
        _ => (name.as_str(), String::new()),
    };
    let end = (0..=NAME_BYTES_MAX - extension.len()).rev().find(|end| stem.is_char_boundary(*end)).unwrap_or(0);
    format!("{}{extension}", &stem[..end.min(stem.len())])
}
