//! The safetensors file: a header that tells the hash of the data, and the data behind it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use engine::tch::Tensor;

use super::{Exported, Table, sealed};
use crate::error::Result;
use crate::weights::WeightSource;
use crate::weights::hashing::Hashing;
use crate::weights::safetensors_writer::Layout;
use crate::weights::tensor_file::{format_error, io_error};

/// Writes the table's tensors.
pub(super) fn write(path: &Path, file: &mut File, table: &Table, source: &dyn WeightSource) -> Result<Exported> {
    write_sealed(path, file, &table.layout, &table.texts, |index| table.entries[index].read(source))
}

/// Writes the tensors of `layout`, of which `read` gives the one of an item's number, and `texts` with the hash. The header is
/// written twice, because it stands before the data whose hash it tells: first with room for the hash, then with the hash.
pub(in crate::weights) fn write_sealed(
    path: &Path,
    file: &mut File,
    layout: &Layout,
    texts: &BTreeMap<String, String>,
    read: impl FnMut(usize) -> Result<Tensor>,
) -> Result<Exported> {
    let fail = |error| io_error(path, error);
    let room = header(layout, texts, &"0".repeat(64))?;
    let mut out = BufWriter::new(&mut *file);
    out.write_all(&room).map_err(fail)?;
    let mut hashing = Hashing::new(out);
    layout.write_data(&mut hashing, read)?;
    hashing.flush().map_err(fail)?;
    let (_, data_sha256, data_bytes) = hashing.finish();
    let header = header(layout, texts, &data_sha256)?;
    if header.len() != room.len() {
        return Err(format_error(path, "its header changed its length while it was written"));
    }
    file.write_all_at(&header, 0).map_err(fail)?;
    Ok(Exported { bytes: header.len() as u64 + data_bytes, data_sha256 })
}

fn header(layout: &Layout, texts: &BTreeMap<String, String>, data_sha256: &str) -> Result<Vec<u8>> {
    let mut texts: BTreeMap<String, String> = sealed(texts, data_sha256);
    // What transformers asks for before it reads a file.
    texts.insert("format".to_owned(), "pt".to_owned());
    layout.header(&texts)
}
