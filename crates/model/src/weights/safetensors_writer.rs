//! Writes the safetensors format: eight bytes of header length, a JSON header, then the tensors without holes.
//!
//! The tensors stand in the order that the format's own library gives them, wide elements first and then by name: none is
//! misaligned, and the same tensors give the same bytes in whatever order they are named. The library's writers want all
//! bytes in memory; here they pass through one small buffer.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use engine::tch::{Device, Kind, Tensor};
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use serde_json::{Value, json};

use super::tensor_file::{byte_length, format_error, io_error};
use crate::error::Result;

/// The data begins at a multiple of this, so that readers which map the file find every tensor aligned.
const ALIGNMENT: usize = 8;

/// Elements that are copied from a tensor at a time: a few megabytes, whatever the size of the tensor.
const PIECE: i64 = 1 << 20;

/// One tensor of a file to be.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) shape: Vec<i64>,
}

/// Which tensors a file holds, and where.
#[derive(Debug)]
pub(super) struct Layout {
    path: PathBuf,
    items: Vec<Item>,
    /// Numbers of items, as they stand in the file.
    order: Vec<usize>,
    table: Metadata,
}

impl Layout {
    /// Finds a place for each item. `path` is for errors alone.
    ///
    /// # Errors
    /// When two have one name, or a dtype is none that the format knows.
    pub(super) fn new(path: &Path, items: Vec<Item>) -> Result<Self> {
        let arranged = arrange(&items);
        let (order, table) =
            arranged.map_err(|reason| format_error(path, format!("it could not be written: {reason}")))?;
        Ok(Self { path: path.to_owned(), items, order, table })
    }

    /// Length and header. The length depends on the lengths of the texts alone, so that one whose value is known only
    /// behind the data can be put in afterwards.
    pub(super) fn header(&self, metadata: &BTreeMap<String, String>) -> Result<Vec<u8>> {
        let text = self.json(metadata).map_err(|error| format_error(&self.path, error.to_string()))?;
        let length = text.len().next_multiple_of(ALIGNMENT);
        let mut header = Vec::with_capacity(ALIGNMENT + length);
        header.extend((length as u64).to_le_bytes());
        header.extend(text);
        header.resize(ALIGNMENT + length, b' ');
        Ok(header)
    }

    /// `{"__metadata__": {…}, name: {dtype, shape, data_offsets}, …}`. The library keeps metadata in a hash table, which
    /// would put its texts into another order each time; so they are written here, and the same model gives the same file.
    fn json(&self, metadata: &BTreeMap<String, String>) -> serde_json::Result<Vec<u8>> {
        let mut header = serde_json::Map::new();
        if !metadata.is_empty() {
            header.insert(METADATA.to_owned(), json!(metadata));
        }
        if let Value::Object(tensors) = serde_json::to_value(&self.table)? {
            header.extend(tensors);
        }
        serde_json::to_vec(&header)
    }

    /// The items' numbers, as they stand in the file.
    pub(super) fn order(&self) -> &[usize] {
        &self.order
    }

    /// Bytes of all tensors together.
    pub(super) fn data_bytes(&self) -> u64 {
        self.table.data_len() as u64
    }

    /// Streams the tensors into `out`; `read` gives the one of an item's number, in its dtype and shape.
    pub(super) fn write_data(&self, out: &mut dyn Write, mut read: impl FnMut(usize) -> Result<Tensor>) -> Result<()> {
        let mut buffer = Vec::new();
        for &index in &self.order {
            let tensor = read(index)?;
            let Item { name, kind, shape } = &self.items[index];
            if (tensor.kind(), tensor.size()) != (*kind, shape.clone()) {
                return Err(format_error(&self.path, format!("tensor {name} changed while it was written")));
            }
            write_tensor(&self.path, out, &tensor, &mut buffer)?;
        }
        Ok(())
    }
}

/// The name in a header that no tensor can have.
const METADATA: &str = "__metadata__";

/// Streams the elements of `tensor` into `out`, little-endian and in their order; `buffer` is reused from one to the next.
pub(super) fn write_tensor(path: &Path, out: &mut dyn Write, tensor: &Tensor, buffer: &mut Vec<u8>) -> Result<()> {
    let elements = tensor.f_detach()?.f_contiguous()?.f_view([-1])?;
    let count = elements.size1()?;
    let width = tensor.kind().elt_size_in_bytes();
    let mut start = 0;
    while start < count {
        let length = PIECE.min(count - start);
        let piece = elements.f_narrow(0, start, length)?.f_to_device(Device::Cpu)?;
        buffer.resize(length as usize * width, 0);
        piece.f_copy_data_u8(buffer, length as usize)?;
        out.write_all(buffer).map_err(|error| io_error(path, error))?;
        start += length;
    }
    Ok(())
}

/// The order of the items in the file, and their table. The error is a reason for a person.
fn arrange(items: &[Item]) -> std::result::Result<(Vec<usize>, Metadata), String> {
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by_key(|&index| (Reverse(dtype_of(items[index].kind)), items[index].name.as_str()));
    let mut offset = 0_usize;
    let mut names = HashSet::from([METADATA]);
    let mut table = Vec::with_capacity(items.len());
    for &index in &order {
        let Item { name, kind, shape } = &items[index];
        let dtype =
            dtype_of(*kind).ok_or_else(|| format!("tensor {name} is {kind:?}, which the format does not know"))?;
        if !names.insert(name.as_str()) {
            return Err(format!("there can be only one {name}"));
        }
        let length = byte_length(shape, *kind).and_then(|length| usize::try_from(length).ok());
        let end = length.and_then(|length| offset.checked_add(length));
        let end = end.ok_or_else(|| format!("tensor {name} of shape {shape:?} is too large"))?;
        let shape = shape.iter().map(|&side| usize::try_from(side).unwrap_or(0)).collect();
        table.push((name.clone(), TensorInfo { dtype, shape, data_offsets: (offset, end) }));
        offset = end;
    }
    let table = Metadata::new(None, table).map_err(|error| error.to_string())?;
    Ok((order, table))
}

fn dtype_of(kind: Kind) -> Option<Dtype> {
    Some(match kind {
        Kind::Double => Dtype::F64,
        Kind::Float => Dtype::F32,
        Kind::Half => Dtype::F16,
        Kind::BFloat16 => Dtype::BF16,
        Kind::Int64 => Dtype::I64,
        Kind::Int => Dtype::I32,
        Kind::Int16 => Dtype::I16,
        Kind::Int8 => Dtype::I8,
        Kind::Uint8 => Dtype::U8,
        Kind::Bool => Dtype::BOOL,
        _ => return None,
    })
}
