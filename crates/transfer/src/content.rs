//! What a downloaded file is, by its first bytes: names and content types of file hosts are not to be trusted.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use protocol::FailureCode;

use crate::web_url::shown_text;
use crate::{TransferError, html};

/// What the first bytes say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    Empty,
    /// `PK`: a zip, or a PyTorch file, which is one too.
    Zip,
    /// The length of a JSON header, and its brace.
    Safetensors,
    /// A bare pickle, as PyTorch wrote before 1.6.
    Pickle,
    /// A page, with its title.
    Html(Option<String>),
    /// What git holds in place of a large file.
    LfsPointer,
    Rar,
    SevenZip,
    Gzip,
    /// A photo that was sent without a zip around it.
    Image,
    Unknown,
}

impl Content {
    /// Reads the first bytes of a file.
    pub(crate) fn of(path: &Path) -> Result<Self, TransferError> {
        let mut head = Vec::with_capacity(HEAD_BYTES);
        let file = File::open(path).map_err(TransferError::file("read", path))?;
        file.take(HEAD_BYTES as u64).read_to_end(&mut head).map_err(TransferError::file("read", path))?;
        Ok(Self::of_head(&head))
    }

    fn of_head(head: &[u8]) -> Self {
        match head {
            [] => Self::Empty,
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] | [b'P', b'K', 7, 8, ..] => Self::Zip,
            // The header's length is below 100 MB by the format's rule, so its upper four bytes are zero.
            [_, _, _, _, 0, 0, 0, 0, b'{', ..] => Self::Safetensors,
            [0x80, 2..=5, ..] => Self::Pickle,
            [b'R', b'a', b'r', b'!', ..] => Self::Rar,
            [b'7', b'z', 0xbc, 0xaf, ..] => Self::SevenZip,
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0xff, 0xd8, 0xff, ..] | [0x89, b'P', b'N', b'G', ..] => Self::Image,
            _ if head.starts_with(b"version https://git-lfs") => Self::LfsPointer,
            _ if looks_like_html(head) => Self::Html(html::title(&String::from_utf8_lossy(head))),
            _ => Self::Unknown,
        }
    }

    /// The words for it in a sentence: "… is a web page, but must be …".
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Empty => "empty",
            Self::Zip => "a zip file",
            Self::Safetensors => "a safetensors file",
            Self::Pickle => "a Python pickle",
            Self::Html(None) => "a web page",
            Self::Html(Some(title)) => return format!("a web page titled \"{title}\""),
            Self::LfsPointer => "a git-lfs pointer instead of the file that it points to",
            Self::Rar => "a RAR archive",
            Self::SevenZip => "a 7z archive",
            Self::Gzip => "a gzip archive",
            Self::Image => "a single image",
            Self::Unknown => "a file of unknown kind",
        }
        .to_owned()
    }
}

/// Enough for the title of a page, behind its doctype and what else stands in its head.
const HEAD_BYTES: usize = 8 << 10;

fn looks_like_html(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    let text = text.trim_start_matches('\u{feff}').trim_start();
    ["<!doctype html", "<html", "<head", "<!--", "<?xml"].iter().any(|start| text.starts_with(start))
}

/// The two kinds of single-file models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckpointKind {
    /// Tensors behind a JSON header.
    Safetensors,
    /// PyTorch's format; `model` reads it as data and never runs it.
    Ckpt,
}

impl CheckpointKind {
    /// The extension by which `model` tells the kinds apart.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Safetensors => "safetensors",
            Self::Ckpt => "ckpt",
        }
    }
}

/// Says what kind of model file `path` is; `name` (the address it came from) names it in the sentence if it is none.
///
/// # Errors
/// When it is something else, a login page say, or cannot be read.
pub fn checkpoint_kind(path: &Path, name: &str) -> Result<CheckpointKind, TransferError> {
    match Content::of(path)? {
        Content::Safetensors => Ok(CheckpointKind::Safetensors),
        Content::Zip | Content::Pickle => Ok(CheckpointKind::Ckpt),
        other => Err(TransferError::WrongContent {
            name: shown_text(name),
            found: other.words(),
            expected: "a .ckpt or .safetensors model; let ckpt_link lead to the file itself, not to a page about it",
            code: FailureCode::ModelUnusable,
        }),
    }
}
