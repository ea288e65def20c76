//! Where a file's bytes are: on the disk, or in the program itself.

use std::fs::File;
use std::path::Path;

use super::tensor_file::{format_error, io_error, read_bytes};
use crate::error::Result;

/// Bytes that can be read from any place.
#[derive(Debug)]
pub(super) enum Content {
    /// On the disk.
    File(File),
    /// Put into the program when it was built.
    Embedded(&'static [u8]),
}

impl Content {
    /// How many there are; `path` is for errors alone.
    pub(super) fn length(&self, path: &Path) -> Result<u64> {
        match self {
            Self::File(file) => Ok(file.metadata().map_err(|source| io_error(path, source))?.len()),
            Self::Embedded(bytes) => Ok(bytes.len() as u64),
        }
    }

    /// Reads `length` bytes at `offset`.
    pub(super) fn read(&self, path: &Path, offset: u64, length: u64) -> Result<Vec<u8>> {
        match self {
            Self::File(file) => read_bytes(path, file, offset, length),
            Self::Embedded(bytes) => {
                let range = usize::try_from(offset).ok().zip(usize::try_from(length).ok());
                let found = range.and_then(|(start, length)| bytes.get(start..start.checked_add(length)?));
                found.map(<[u8]>::to_vec).ok_or_else(|| format_error(path, "it ends in the middle of a tensor"))
            }
        }
    }
}
