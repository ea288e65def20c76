//! Expands a file in 8 bits, one tensor at a time, when it is asked for.

use std::path::Path;

use engine::tch::{Kind, Tensor};

use super::codec::Quantized;
use super::{KEY, Mark, ROWS, SCALES, TOKENS, VERSION};
use crate::config::check_size;
use crate::error::Result;
use crate::weights::export::HASH;
use crate::weights::key_map::TEXT_PREFIX;
use crate::weights::safetensors_file::SafetensorsFile;
use crate::weights::tensor_file::{MAX_TENSOR_BYTES, TensorFile, byte_length, format_error};
use crate::weights::{Part, RandomSource, WeightSource};

/// `file` as whoever reads tensors wants it: expanded if it is in 8 bits, else as it is.
pub(in crate::weights) fn expanded(file: SafetensorsFile) -> Result<Box<dyn TensorFile>> {
    let Some(text) = file.metadata().get(KEY) else { return Ok(Box::new(file)) };
    let refuse = |reason: String| format_error(file.path(), reason);
    let mark = read_mark(text).map_err(refuse)?;
    let told = file.metadata().get(HASH).and_then(|hash| hash.strip_prefix("0x"));
    if told != Some(file.data_sha256()?.as_str()) {
        return Err(refuse("its tensors do not have the SHA-256 that it tells; get it again".to_owned()));
    }
    check_scales(&file).map_err(refuse)?;
    let table = table_shape(&file, mark.vocab_size).map_err(refuse)?;
    let ids = read_ids(&file)?;
    check_ids(&file, &ids, mark.vocab_size).map_err(refuse)?;
    Ok(Box::new(QuantizedFile { file, seed: mark.seed, table, ids }))
}

/// An opened file in 8 bits.
#[derive(Debug)]
struct QuantizedFile {
    file: SafetensorsFile,
    seed: u64,
    /// Sides of the whole table of tokens.
    table: Vec<i64>,
    /// Which of its rows are stored.
    ids: Vec<i64>,
}

impl TensorFile for QuantizedFile {
    fn path(&self) -> &Path {
        self.file.path()
    }

    fn names(&self) -> Vec<&str> {
        let is_weight = |name: &&str| !name.ends_with(SCALES) && !name.ends_with(ROWS);
        self.file.names().into_iter().filter(is_weight).collect()
    }

    fn shape(&self, name: &str) -> Option<&[i64]> {
        if is_token_table(name) { Some(&self.table) } else { self.file.shape(name) }
    }

    fn read(&self, name: &str) -> Result<Tensor> {
        if is_token_table(name) {
            return self.token_table(name);
        }
        let values = self.file.read(name)?;
        if values.kind() != Kind::Int8 {
            return Ok(values);
        }
        Quantized { values, scales: self.file.read(&format!("{name}{SCALES}"))? }.expand()
    }

    fn model_config(&self) -> Option<&str> {
        self.file.model_config()
    }

    fn prediction_type(&self) -> Option<&str> {
        self.file.prediction_type()
    }
}

impl QuantizedFile {
    /// f32: rows from the seed, and over them those that are stored.
    fn token_table(&self, name: &str) -> Result<Tensor> {
        let mut table = RandomSource::new(self.seed).tensor(Part::TextEncoder, TOKENS, &self.table)?;
        let rows = self.file.read(name)?.f_to_kind(Kind::Float)?;
        Ok(table.f_index_copy_(0, &Tensor::f_from_slice(&self.ids)?, &rows)?)
    }
}

fn is_token_table(name: &str) -> bool {
    name.strip_prefix(TEXT_PREFIX) == Some(TOKENS)
}

fn read_mark(text: &str) -> std::result::Result<Mark, String> {
    let mark: Mark = serde_json::from_str(text)
        .map_err(|reason| format!("its entry {KEY} cannot be used: {reason}; make the file again"))?;
    if mark.version != VERSION {
        let found = mark.version;
        return Err(format!("its 8-bit form has version {found}; this program reads version {VERSION}"));
    }
    Ok(mark)
}

fn check_scales(file: &SafetensorsFile) -> std::result::Result<(), String> {
    for name in file.names().into_iter().filter(|name| file.kind(name) == Some(Kind::Int8)) {
        let scales = format!("{name}{SCALES}");
        let outputs = file.shape(name).and_then(<[i64]>::first);
        if file.kind(&scales) != Some(Kind::BFloat16) || file.shape(&scales) != outputs.map(std::slice::from_ref) {
            return Err(format!("its tensor {scales} is not one bf16 for each output channel of {name}"));
        }
    }
    Ok(())
}

/// The sides of the whole table of tokens.
fn table_shape(file: &SafetensorsFile, vocab_size: i64) -> std::result::Result<Vec<i64>, String> {
    check_size("vocab_size", vocab_size)?;
    let stored = format!("{TEXT_PREFIX}{TOKENS}");
    let Some(&[_, width]) = file.shape(&stored) else {
        return Err(format!("it has no rows of the table of tokens ({stored})"));
    };
    let table = vec![vocab_size, width];
    match byte_length(&table, Kind::Float) {
        Some(bytes) if bytes <= MAX_TENSOR_BYTES => Ok(table),
        _ => Err(format!("its table of tokens claims {vocab_size} rows of {width} numbers, which is too much")),
    }
}

fn read_ids(file: &SafetensorsFile) -> Result<Vec<i64>> {
    let name = format!("{TEXT_PREFIX}{TOKENS}{ROWS}");
    let ids = file.read(&name)?.f_to_kind(Kind::Int64)?;
    Vec::try_from(ids).map_err(|_| format_error(file.path(), format!("its tensor {name} is no list of token ids")))
}

/// One id for each stored row, ascending, and each a row of the table.
fn check_ids(file: &SafetensorsFile, ids: &[i64], vocab_size: i64) -> std::result::Result<(), String> {
    let name = format!("{TEXT_PREFIX}{TOKENS}");
    let rows = file.shape(&name).and_then(<[i64]>::first);
    if rows != Some(&(ids.len() as i64)) {
        return Err(format!("it has {} ids of tokens in {name}{ROWS}, but not as many rows in {name}", ids.len()));
    }
    let is_ascending = ids.windows(2).all(|pair| pair[0] < pair[1]);
    let is_within = ids.first().is_none_or(|&id| id >= 0) && ids.last().is_none_or(|&id| id < vocab_size);
    if is_ascending && is_within {
        return Ok(());
    }
    Err(format!("the ids in {name}{ROWS} are not ascending within a vocabulary of {vocab_size}"))
}
