//! The container before PyTorch 1.6: five pickles in a row, then each storage as an element count and its bytes.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use engine::tch::Kind;

use super::checkpoint::{Container, Extent, storage_views};
use super::pickle::{Arena, Input, Node, Value, load};
use super::tensor_file::{byte_length, format_error, io_error, read_bytes};
use crate::error::Result;

/// 0x1950a86a20f9469cfc6c, the first pickle of every such file, as little-endian bytes.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// The second pickle.
const PROTOCOL_VERSION: i64 = 1001;

/// The element count before each storage's bytes.
const COUNT_BYTES: u64 = 8;

pub(super) fn read(path: &Path, file: &File) -> Result<Container> {
    let mut input = Input::new(BufReader::new(file));
    let mut arena = Arena::default();
    let (root, keys) = read_pickles(&mut input, &mut arena).map_err(|reason| format_error(path, reason))?;
    let kinds: HashMap<&str, Kind> =
        storage_views(&arena).map(|storage| (storage.key.as_str(), storage.kind)).collect();
    let file_length = file.metadata().map_err(|source| io_error(path, source))?.len();
    let mut storages = HashMap::with_capacity(keys.len());
    let mut position = input.position();
    for key in keys {
        let Some(kind) = kinds.get(key.as_str()) else {
            return Err(format_error(path, format!("its storage {key} belongs to no tensor; the file is damaged")));
        };
        let mut count = [0; COUNT_BYTES as usize];
        count.copy_from_slice(&read_bytes(path, file, position, COUNT_BYTES)?);
        let offset = position + COUNT_BYTES;
        let end = byte_length(&[i64::from_le_bytes(count)], *kind).and_then(|length| offset.checked_add(length));
        let Some(end) = end.filter(|end| *end <= file_length) else {
            return Err(format_error(path, format!("it ends in the middle of storage {key}; download it again")));
        };
        storages.insert(key, Extent { offset, length: end - offset });
        position = end;
    }
    Ok(Container { arena, root, storages })
}

/// The saved object and the keys of the storages that follow, in their order.
fn read_pickles<R: Read>(input: &mut Input<R>, arena: &mut Arena) -> std::result::Result<(Value, Vec<String>), String> {
    let magic = load(input, arena)?;
    if !matches!(arena.node(magic), Some(Node::Bytes(bytes)) if *bytes == MAGIC) {
        return Err("it is a plain pickle, not a PyTorch checkpoint; save it with torch.save".to_owned());
    }
    if load(input, arena)? != Value::Int(PROTOCOL_VERSION) {
        return Err("it was written by an unknown version of torch.save".to_owned());
    }
    let system = load(input, arena)?;
    if let Some(Node::Dict(items)) = arena.node(system)
        && items.iter().any(|(key, value)| arena.text(*key) == Some("little_endian") && *value == Value::Bool(false))
    {
        return Err("it was saved on a big-endian machine; save it again on a common one".to_owned());
    }
    let root = load(input, arena)?;
    let keys = load(input, arena)?;
    let keys = arena.members(keys).unwrap_or_default();
    let keys = keys.iter().map(|key| arena.text(*key).map(str::to_owned)).collect::<Option<Vec<_>>>();
    keys.map(|keys| (root, keys)).ok_or_else(|| "its list of storages is damaged".to_owned())
}
