//! A zip of photos becomes a folder. Nothing that the zip says of itself is believed: bytes are counted while they are
//! inflated, names are reduced to one plain file name, and what is no regular file is left out.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use protocol::FailureCode;
use zip::ZipArchive;
use zip::result::ZipError;

use crate::TransferError;
use crate::content::Content;

mod end_record;
mod name;

use end_record::Claims;
use name::wanted_name;

/// What a zip may unpack to (spec infrastructure §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnzipLimits {
    /// Most files that are wanted: neither folders nor links nor an operating system's litter.
    pub files: u64,
    /// Most entries of any kind.
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
    pub const PHOTOS: Self =
        Self { files: 1000, entries: ENTRIES_MAX, file_bytes: 32 << 20, total_bytes: 1 << 30, ratio: 200 };
}

impl Default for UnzipLimits {
    fn default() -> Self {
        Self::PHOTOS
    }
}

/// Most entries of a zip of photos. A Mac packs a `__MACOSX/._` twin beside each of a thousand photos; as many again for
/// folders, their twins and other litter.
pub const ENTRIES_MAX: u64 = 4096;

/// Most bytes of a zip's list of entries, which is read into memory as a whole: 2 KiB for each of [`ENTRIES_MAX`].
const LIST_BYTES_MAX: u64 = 8 << 20;

/// Unpacked bytes that no ratio is asked of: a small file of blanks is no bomb.
pub const RATIO_FREE_BYTES: u64 = 1 << 20;

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
            code: FailureCode::DataNotAZip,
        });
    }
    let parent = durable::folder_of(dir);
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

const REMEDY_AGAIN: &str = "make the zip again and check that it opens on your own machine";
const REMEDY_PLAIN: &str = "make the zip again without password and with the ordinary (deflate) compression";

/// One file to unpack.
struct Wanted {
    index: usize,
    name: String,
    packed: u64,
}

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
        let broken = |reason: String| TransferError::Zip { name: name.clone(), reason, remedy: REMEDY_AGAIN };
        let too_large = |reason| TransferError::ZipTooLarge { name: name.clone(), reason };
        // Before the list of entries is read into memory.
        let claims = match Claims::greatest(&mut file, packed_bytes) {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(broken(error.to_string())),
            claims => claims.map_err(TransferError::file("read", zip))?,
        };
        if claims.entries > limits.entries {
            return Err(too_large(format!("it has more than {} entries", limits.entries)));
        }
        if claims.list_bytes > LIST_BYTES_MAX {
            return Err(too_large(format!("its list of files is longer than {LIST_BYTES_MAX} bytes")));
        }
        let archive = ZipArchive::new(file).map_err(|error| broken(format!("it is damaged or cut off ({error})")))?;
        Ok(Self { archive, name, packed_bytes, dir, limits, seen: HashMap::new(), unpacked: Unpacked::default() })
    }

    fn run(mut self) -> Result<Unpacked, TransferError> {
        let wanted = self.wanted()?;
        self.unpacked.skipped = (self.archive.len() - wanted.len()) as u64;
        if wanted.len() as u64 > self.limits.files {
            let reason = format!("it has more than {} files", self.limits.files);
            return Err(TransferError::ZipTooLarge { name: self.name, reason });
        }
        for entry in wanted {
            self.unpack_entry(&entry)?;
        }
        Ok(self.unpacked)
    }

    /// The files that are neither folder nor link nor litter, in the order of the list.
    fn wanted(&mut self) -> Result<Vec<Wanted>, TransferError> {
        let mut wanted = Vec::new();
        for index in 0..self.archive.len() {
            let name = &self.name;
            let entry = self.archive.by_index_raw(index).map_err(|error| broken_list(name, &error))?;
            wanted.extend(wanted_name(&entry).map(|name| Wanted { index, name, packed: entry.compressed_size() }));
        }
        Ok(wanted)
    }

    fn unpack_entry(&mut self, wanted: &Wanted) -> Result<(), TransferError> {
        let (file_name, packed) = (wanted.name.as_str(), wanted.packed);
        let path = self.free_path(file_name)?;
        let mut out = File::create_new(&path).map_err(TransferError::file("write", &path))?;
        let zip_name = self.name.clone();
        let refused = move |reason, remedy| TransferError::Zip { name: zip_name, reason, remedy };
        let mut entry = match self.archive.by_index(wanted.index) {
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
                return Err(TransferError::ZipTooLarge { name: self.name.clone(), reason });
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
        let folder = durable::folder_of(&path);
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
