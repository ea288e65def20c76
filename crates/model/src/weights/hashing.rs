//! Hashes and counts what is written, on its way.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::tensor_file::io_error;
use crate::error::Result;

/// Hands everything on to `out`, and knows its SHA-256 and its length.
#[derive(Debug)]
pub(super) struct Hashing<W> {
    out: W,
    hasher: Sha256,
    bytes: u64,
}

impl<W: Write> Hashing<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, hasher: Sha256::new(), bytes: 0 }
    }

    /// What it writes to, for what is not to be hashed.
    pub(super) fn inner(&mut self) -> &mut W {
        &mut self.out
    }

    /// What it wrote to, the SHA-256 in hexadecimal, and the number of bytes.
    pub(super) fn finish(self) -> (W, String, u64) {
        (self.out, hex::encode(self.hasher.finalize()), self.bytes)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.hasher.update(bytes.get(..count).unwrap_or(bytes));
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The SHA-256 of a whole file, in hexadecimal.
///
/// # Errors
/// When it cannot be read.
pub fn sha256_of(path: &Path) -> Result<String> {
    let fail = |error| io_error(path, error);
    let mut hashing = Hashing::new(io::sink());
    let mut file = File::open(path).map_err(fail)?;
    io::copy(&mut file, &mut hashing).map_err(fail)?;
    Ok(hashing.finish().1)
}
