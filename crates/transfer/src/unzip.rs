//! A zip of photos becomes a folder. Nothing that the zip says of itself is believed: bytes are counted while they are
//! inflated, names are reduced to one plain file name, and what is no regular file is left out.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use zip::ZipArchive;
use zip::read::ZipFile;
use zip::result::ZipError;

use crate::content::Content;
use crate::{TransferError, disk};

/// What a zip may unpack to (spec infrastructure §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnzipLimits {
    /// Most entries, folders included.
    pub entries: u64,
    /// Most bytes of one file.
    pub file_bytes: u64,
    /// Most bytes of all files.
    pub total_bytes: u64,
    /// Most unpacked bytes for each packed byte, beyond [`RATIO_FREE_BYTES`].
    pub ratio: u64,
}

impl UnzipLimits {
    /// For a data set: a thousand photos, each as large as a camera makes them; photos hardly shrink in a zip.
    pub const PHOTOS: Self = Self { entries: 1000, file_bytes: 32 << 20, total_bytes: 1 << 30, ratio: 200 };
}

impl Default for UnzipLimits {
    fn default() -> Self {
        Self::PHOTOS
    }
}

/// Unpacked bytes that no ratio is asked of: a small file of blanks is no bomb.
pub const RATIO_FREE_BYTES: u64 = 1 << 20;

/// Longest file name, in bytes, that every file system takes.
const NAME_BYTES_MAX: usize = 255;

/// What came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unpacked {
    /// Files written.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Entries left out: folders, links, `__MACOSX`, names that begin with a dot.
    pub skipped: u64,
}

/// Unpacks `zip` into the folder `dir`, which must not exist yet or be empty. Sub-folders are flattened; since a file's
/// name may become a caption it is never changed: the second `dog.jpg` goes to `dir/2/dog.jpg`, the third to
/// `dir/3/dog.jpg`. On failure there is no `dir`. Blocking; nothing is fsynced, a job that loses the folder
/// unpacks again.
///
/// # Errors
/// One sentence for: not a zip, a damaged or cut-off zip (naming the entry), a password, an unknown compression, and
/// more than the limits.
pub fn unpack(zip: &Path, dir: &Path, limits: UnzipLimits) -> Result<Unpacked, TransferError> {
    let name = zip.file_name().unwrap_or(zip.as_os_str()).to_string_lossy().into_owned();
    let content = Content::of(zip)?;
    if content != Content::Zip {
        return Err(TransferError::WrongContent {
            name,
            found: content.words(),
            expected: "a zip file with images; let data_url lead to the zip itself, not to a page about it",
        });
    }
    let parent = disk::folder_of(dir);
    fs::create_dir_all(parent).map_err(TransferError::file("create", parent))?;
    // Dropping it removes it, so that no failure leaves anything behind.
    let temp = tempfile::Builder::new()
        .prefix(".unzip")
        .tempdir_in(parent)
        .map_err(TransferError::file("write in", parent))?;
    let unpacked = Unpacker::open(zip, name, temp.path(), limits)?.run()?;
    fs::rename(temp.path(), dir).map_err(TransferError::file("write", dir))?;
    Ok(unpacked)
}

const REMEDY_SMALLER: &str = "send fewer or smaller images";
const REMEDY_AGAIN: &str = "make the zip again and check that it opens on your own machine";
const REMEDY_PLAIN: &str = "make the zip again without password and with the ordinary (deflate) compression";

struct Unpacker<'a> {
    archive: ZipArchive<File>,
    name: String,
    packed_bytes: u64,
    dir: &'a Path,
    limits: UnzipLimits,
    /// How often each file name has been written.
    seen: HashMap<String, u64>,
    unpacked: Unpacked,
}

impl<'a> Unpacker<'a> {
    fn open(zip: &Path, name: String, dir: &'a Path, limits: UnzipLimits) -> Result<Self, TransferError> {
        let mut file = File::open(zip).map_err(TransferError::file("read", zip))?;
        let packed_bytes = file.metadata().map_err(TransferError::file("read", zip))?.len();
        // Before the list of entries is read into memory.
        let entries = most_entries(&mut file, packed_bytes).map_err(TransferError::file("read", zip))?;
        let broken = |reason: String, remedy| TransferError::Zip { name: name.clone(), reason, remedy };
        if entries > limits.entries {
            return Err(broken(format!("it has more than {} entries", limits.entries), REMEDY_SMALLER));
        }
        let archive = ZipArchive::new(file)
            .map_err(|error| broken(format!("it is damaged or cut off ({error})"), REMEDY_AGAIN))?;
        Ok(Self { archive, name, packed_bytes, dir, limits, seen: HashMap::new(), unpacked: Unpacked::default() })
    }

    fn run(mut self) -> Result<Unpacked, TransferError> {
        for index in 0..self.archive.len() {
            let name = &self.name;
            let entry = self.archive.by_index_raw(index).map_err(|error| broken_list(name, &error))?;
            let Some(file_name) = wanted_name(&entry) else {
                self.unpacked.skipped += 1;
                continue;
            };
            let packed = entry.compressed_size();
            drop(entry);
            self.unpack_entry(index, &file_name, packed)?;
        }
        Ok(self.unpacked)
    }

    fn unpack_entry(&mut self, index: usize, file_name: &str, packed: u64) -> Result<(), TransferError> {
        let path = self.free_path(file_name)?;
        let mut out = File::create_new(&path).map_err(TransferError::file("write", &path))?;
        let zip_name = self.name.clone();
        let refused = move |reason, remedy| TransferError::Zip { name: zip_name, reason, remedy };
        let mut entry = match self.archive.by_index(index) {
            Ok(entry) => entry,
            Err(error) => {
                let (reason, remedy) = unreadable(file_name, &error);
                return Err(refused(reason, remedy));
            }
        };
        let mut buffer = [0; 64 << 10];
        let mut bytes = 0;
        loop {
            let read = match entry.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(refused(format!("{file_name} in it is damaged ({error})"), REMEDY_AGAIN)),
            };
            bytes += read as u64;
            self.unpacked.bytes += read as u64;
            if let Some(reason) = self.limits.exceeded(file_name, bytes, packed, self.unpacked.bytes, self.packed_bytes)
            {
                return Err(refused(reason, REMEDY_SMALLER));
            }
            out.write_all(&buffer[..read]).map_err(TransferError::file("write", &path))?;
        }
        self.unpacked.files += 1;
        Ok(())
    }

    /// Where a file of this name goes without meeting another one: beside the others, else in the first numbered
    /// folder that has room for it. Files and folders of the zip may themselves be named like numbers.
    fn free_path(&mut self, file_name: &str) -> Result<PathBuf, TransferError> {
        let count = self.seen.entry(file_name.to_owned()).or_insert(0);
        *count += 1;
        let mut path = self.dir.join(file_name);
        let mut number = (*count).max(2);
        while path.exists() || path.parent().is_some_and(Path::is_file) {
            path = self.dir.join(number.to_string()).join(file_name);
            number += 1;
        }
        let folder = disk::folder_of(&path);
        fs::create_dir_all(folder).map_err(TransferError::file("create", folder))?;
        Ok(path)
    }
}

fn broken_list(name: &str, error: &ZipError) -> TransferError {
    let reason = format!("its list of files is damaged ({error})");
    TransferError::Zip { name: name.to_owned(), reason, remedy: REMEDY_AGAIN }
}

impl UnzipLimits {
    /// The limit that the counted bytes have passed, as a reason.
    fn exceeded(&self, file_name: &str, bytes: u64, packed: u64, total: u64, total_packed: u64) -> Option<String> {
        let blown_up =
            |bytes: u64, packed: u64| bytes.saturating_sub(RATIO_FREE_BYTES) > packed.saturating_mul(self.ratio);
        if bytes > self.file_bytes {
            Some(format!("{file_name} in it is larger than {} bytes", self.file_bytes))
        } else if total > self.total_bytes {
            Some(format!("its files are larger than {} bytes together", self.total_bytes))
        } else if blown_up(bytes, packed) || blown_up(total, total_packed) {
            Some(format!("{file_name} in it unpacks to more than {} times its size", self.ratio))
        } else {
            None
        }
    }
}

fn unreadable(file_name: &str, error: &ZipError) -> (String, &'static str) {
    match error {
        ZipError::InvalidPassword | ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => {
            (format!("{file_name} in it is protected by a password"), REMEDY_PLAIN)
        }
        ZipError::CompressionMethodNotSupported(_) | ZipError::UnsupportedArchive(_) => {
            (format!("{file_name} in it is packed in a way that is not supported ({error})"), REMEDY_PLAIN)
        }
        _ => (format!("{file_name} in it is damaged ({error})"), REMEDY_AGAIN),
    }
}

/// The plain file name of an entry that is a regular file and no litter of an operating system.
fn wanted_name<R: Read>(entry: &ZipFile<'_, R>) -> Option<String> {
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

/// The most entries that any end record of the file claims, before a reader believes one and makes room for them all.
/// A record may stand anywhere in the last 64 KiB; one in the form for more than 65,534 entries counts as too many.
fn most_entries(file: &mut File, file_bytes: u64) -> io::Result<u64> {
    /// An end record without comment, and the longest comment.
    const RECORD_BYTES: usize = 22;
    const COMMENT_BYTES: u64 = 0xffff;
    file.seek(SeekFrom::Start(file_bytes.saturating_sub(RECORD_BYTES as u64 + COMMENT_BYTES)))?;
    let mut tail = Vec::new();
    file.take(RECORD_BYTES as u64 + COMMENT_BYTES).read_to_end(&mut tail)?;
    file.rewind()?;
    let claims = tail.windows(RECORD_BYTES).filter(|record| record.starts_with(b"PK\x05\x06")).map(|record| {
        let zip64 = record[10..12] == [0xff; 2] || record[12..16] == [0xff; 4] || record[16..20] == [0xff; 4];
        if zip64 { u64::MAX } else { u64::from(u16::from_le_bytes([record[10], record[11]])) }
    });
    Ok(claims.max().unwrap_or(0))
}
