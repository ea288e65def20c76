//! The container of PyTorch 1.6 and later: a zip archive with `data.pkl` and one uncompressed entry for each storage.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Cursor};
use std::path::Path;

use zip::ZipArchive;
use zip::result::ZipError;

use super::checkpoint::{Container, Extent};
use super::pickle::{Arena, Input, MAX_PICKLE_BYTES, load};
use super::tensor_file::{format_error, io_error, read_bytes};
use crate::error::{ModelError, Result};

pub(super) fn read(path: &Path, file: &File) -> Result<Container> {
    let entries = entries(path, file)?;
    // All names begin with one folder, which is named after the file or `archive`.
    let Some((root, pickle)) =
        entries.iter().find_map(|(name, extent)| Some((name.strip_suffix("data.pkl")?.to_owned(), *extent)))
    else {
        return Err(format_error(path, "it is a zip archive without data.pkl, so not a PyTorch checkpoint"));
    };
    if pickle.length > MAX_PICKLE_BYTES {
        return Err(format_error(path, format!("its data.pkl is longer than {MAX_PICKLE_BYTES} bytes")));
    }
    if let Some(order) = entries.get(&format!("{root}byteorder"))
        && read_bytes(path, file, order.offset, order.length.min(16))? != b"little"
    {
        return Err(format_error(path, "it was saved on a big-endian machine; save it again on a common one"));
    }
    let pickle = read_bytes(path, file, pickle.offset, pickle.length)?;
    let mut arena = Arena::default();
    let object = load(&mut Input::new(Cursor::new(pickle)), &mut arena).map_err(|reason| format_error(path, reason))?;
    let folder = format!("{root}data/");
    let storages =
        entries.into_iter().filter_map(|(name, extent)| Some((name.strip_prefix(&folder)?.to_owned(), extent)));
    Ok(Container { arena, root: object, storages: storages.collect() })
}

/// Where every entry's bytes lie. Compressed entries are refused: `torch.save` never writes them.
fn entries(path: &Path, file: &File) -> Result<HashMap<String, Extent>> {
    let file_length = file.metadata().map_err(|source| io_error(path, source))?.len();
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|error| zip_error(path, error))?;
    let mut entries = HashMap::with_capacity(archive.len());
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(|error| zip_error(path, error))?;
        let name = entry.name().map_err(|error| zip_error(path, error))?.into_owned();
        if entry.compressed_size() != entry.size() || entry.encrypted() {
            return Err(format_error(
                path,
                format!("its entry {name} is compressed or encrypted; save it with torch.save"),
            ));
        }
        let Some(offset) = entry.data_start() else {
            return Err(format_error(path, format!("its entry {name} has no place in the file")));
        };
        if offset.checked_add(entry.size()).is_none_or(|end| end > file_length) {
            return Err(format_error(
                path,
                format!("its entry {name} ends behind the end of the file; download it again"),
            ));
        }
        entries.insert(name, Extent { offset, length: entry.size() });
    }
    Ok(entries)
}

fn zip_error(path: &Path, error: ZipError) -> ModelError {
    match error {
        ZipError::Io(source) if source.kind() != std::io::ErrorKind::UnexpectedEof => {
            ModelError::Io { path: path.to_owned(), source }
        }
        error => format_error(path, format!("it is cut short or damaged ({error}); download it again")),
    }
}
