//! The safetensors writer: header first, then the contents in the same order.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use super::{Content, Entry, write_contents};
use crate::error::Result;
use crate::weights::WeightSource;
use crate::weights::tensor_file::{format_error, io_error};

/// The data begins at a multiple of this, so that readers which map the file find every tensor aligned.
const ALIGNMENT: usize = 8;

pub(super) fn write(path: &Path, file: &mut File, entries: &[Entry], source: &dyn WeightSource) -> Result<()> {
    let order = ordered(entries);
    let header = header(path, &order)?;
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

fn header(path: &Path, entries: &[&Entry]) -> Result<Vec<u8>> {
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
    let format = [("format".to_owned(), "pt".to_owned())].into();
    let metadata = Metadata::new(Some(format), tensors).map_err(|error| format_error(path, error.to_string()))?;
    let mut header = serde_json::to_vec(&metadata).map_err(|error| format_error(path, error.to_string()))?;
    header.resize(header.len().next_multiple_of(ALIGNMENT), b' ');
    Ok(header)
}
