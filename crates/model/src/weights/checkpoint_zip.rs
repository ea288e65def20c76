//! The container of PyTorch 1.6 and later: a zip archive with `data.pkl` and one uncompressed entry for each storage.

use std::collections::HashMap;
use std::fs::File;
use std::io::Cursor;
use std::path::Path;

use super::checkpoint::{Container, Extent};
use super::pickle::{Arena, Input, MAX_PICKLE_BYTES, load};
use super::tensor_file::{format_error, read_bytes};
use super::zip_directory;
use crate::error::Result;

pub(super) fn read(path: &Path, file: &File) -> Result<Container> {
    let entries = zip_directory::read(path, file)?;
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
    let storages: HashMap<String, Extent> = entries
        .into_iter()
        .filter_map(|(name, extent)| Some((name.strip_prefix(&folder)?.to_owned(), extent)))
        .collect();
    Ok(Container { arena, root: object, storages })
}
