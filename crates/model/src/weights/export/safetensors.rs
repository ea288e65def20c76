//! The safetensors writer: header first, then the contents in the same order.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use serde_json::{Value, json};

use super::{Content, Entry, Table, write_contents};
use crate::error::Result;
use crate::weights::tensor_file::{format_error, io_error};
use crate::weights::{WeightSource, embedded_config};

/// The data begins at a multiple of this, so that readers which map the file find every tensor aligned.
const ALIGNMENT: usize = 8;

pub(super) fn write(path: &Path, file: &mut File, table: &Table, source: &dyn WeightSource) -> Result<()> {
    let order = ordered(&table.entries);
    let header = header(path, &order, &table.config)?;
    let mut out = BufWriter::new(file);
    out.write_all(&(header.len() as u64).to_le_bytes()).map_err(|error| io_error(path, error))?;
    out.write_all(&header).map_err(|error| io_error(path, error))?;
    write_contents(path, &mut out, order.into_iter(), source)?;
    out.flush().map_err(|error| io_error(path, error))
}

/// Wide elements first, as the format asks for, so that nothing is misaligned behind an odd number of halves.
fn ordered(entries: &[Entry]) -> Vec<&Entry> {
    let (wide, halves): (Vec<_>, Vec<_>) =
        entries.iter().partition(|entry| matches!(entry.content, Content::PositionIds));
    wide.into_iter().chain(halves).collect()
}

fn header(path: &Path, entries: &[&Entry], config: &str) -> Result<Vec<u8>> {
    let mut offset = 0;
    let mut tensors = Vec::with_capacity(entries.len());
    for entry in entries {
        let end = offset + usize::try_from(entry.byte_length()).unwrap_or(0);
        let dtype = match entry.content {
            Content::Weight(_) => Dtype::F16,
            Content::PositionIds => Dtype::I64,
        };
        let shape = entry.shape.iter().map(|&side| usize::try_from(side).unwrap_or(0)).collect();
        tensors.push((entry.key.clone(), TensorInfo { dtype, shape, data_offsets: (offset, end) }));
        offset = end;
    }
    let fail = |error: String| format_error(path, error);
    let tensors = Metadata::new(None, tensors).map_err(|error| fail(error.to_string()))?;
    let mut header = serialize(&tensors, config).map_err(|error| fail(error.to_string()))?;
    header.resize(header.len().next_multiple_of(ALIGNMENT), b' ');
    Ok(header)
}

/// `{"__metadata__": {…}, name: {dtype, shape, data_offsets}, …}`. The crate keeps metadata in a hash table, which would
/// put its texts into another order each time; so they are written here, and the same model gives the same file.
fn serialize(tensors: &Metadata, config: &str) -> serde_json::Result<Vec<u8>> {
    let mut header = serde_json::Map::new();
    header.insert("__metadata__".to_owned(), json!({ "format": "pt", embedded_config::KEY: config }));
    if let Value::Object(tensors) = serde_json::to_value(tensors)? {
        header.extend(tensors);
    }
    serde_json::to_vec(&header)
}
