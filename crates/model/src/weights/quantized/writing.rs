//! Writes a model in 8 bits, tensor by tensor.

use std::path::Path;

use durable::Access;
use engine::tch::{Kind, Tensor};

use super::codec::Quantized;
use super::{KEY, Mark, ROWS, SCALES, TOKENS, VERSION};
use crate::config::ModelConfig;
use crate::error::Result;
use crate::weights::export::{ExportNotes, Exported, half, write_sealed};
use crate::weights::key_map::KeyMap;
use crate::weights::safetensors_writer::{Item, Layout};
use crate::weights::tensor_file::{format_error, io_error};
use crate::weights::{Part, TensorSpec, WeightSource, inventory};

/// Smaller tensors are fp16: together they are little, and what the first and the last layer lose is seen most.
const QUANTIZED_FROM: i64 = 4096;

/// Which rows of the token table a file in 8 bits holds.
#[derive(Debug, Clone, Copy)]
pub struct StoredTokens<'a> {
    /// The tokens that training has seen, in any order.
    pub ids: &'a [i64],
    /// Every other row is [`RandomSource`](super::super::RandomSource)'s of this seed, whatever the source has there: so it
    /// must be the seed that training began with, and training must have left those rows alone (no weight decay).
    pub seed: u64,
}

/// Writes the model of `config` with the weights of `source` to `path` in 8 bits: a `.safetensors` file that
/// [`SingleFileSource`](super::super::SingleFileSource) and so `BaseModel::open` read as they read any other, in half the
/// size of an export in fp16, and less where few tokens are stored. Other programs cannot read it; `notes` are an export's.
///
/// The file appears under its name only when it is complete and on disk; what stood there before is replaced at once.
///
/// # Errors
/// When a token's id is beyond the vocabulary, a tensor cannot be read, a weight is no number or beyond fp16, or the file
/// cannot be written.
pub fn write_quantized(
    path: &Path,
    config: &ModelConfig,
    source: &dyn WeightSource,
    tokens: StoredTokens<'_>,
    notes: &ExportNotes,
) -> Result<Exported> {
    let refuse = |reason: String| format_error(path, format!("it could not be written: {reason}"));
    let vocab_size = config.text.vocab_size;
    let ids = sorted(tokens.ids, vocab_size).map_err(refuse)?;
    let mark = Mark { version: VERSION, seed: tokens.seed, vocab_size };
    let mut texts = notes.texts(config).map_err(refuse)?;
    texts.insert(KEY.to_owned(), serde_json::to_string(&mark).map_err(|error| refuse(error.to_string()))?);

    let entries = entries(path, config, ids.len())?;
    let layout = Layout::new(path, entries.iter().map(Entry::item).collect())?;
    let mut part = durable::part_beside(path, Access::Usual).map_err(|error| io_error(path, error))?;
    let read = |index: usize| entries[index].read(source, &ids);
    let written = write_sealed(path, part.as_file_mut(), &layout, &texts, read)?;
    durable::keep(part, path).map_err(|error| io_error(path, error))?;
    Ok(written)
}

/// One tensor of the file, made of one of the model's.
#[derive(Debug)]
struct Entry {
    /// The name of the model's tensor in single files.
    key: String,
    /// The model's tensor.
    spec: TensorSpec,
    form: Form,
}

/// What the file keeps of a tensor.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// All of it, fp16.
    Half,
    /// Its numbers, int8.
    Values,
    /// Its scales.
    Scales,
    /// So many of its rows, fp16.
    Rows(usize),
    /// Which ones, of so many.
    Ids(usize),
}

impl Entry {
    fn item(&self) -> Item {
        let Self { key, spec: TensorSpec { shape, .. }, form } = self;
        let item = |ending: &str, kind, shape| Item { name: format!("{key}{ending}"), kind, shape };
        match *form {
            Form::Half => item("", Kind::Half, shape.clone()),
            Form::Values => item("", Kind::Int8, shape.clone()),
            Form::Scales => item(SCALES, Kind::BFloat16, shape[..1].to_vec()),
            Form::Rows(count) => item("", Kind::Half, vec![count as i64, shape[1]]),
            Form::Ids(count) => item(ROWS, Kind::Int, vec![count as i64]),
        }
    }

    /// `ids`: the tokens whose rows are stored.
    fn read(&self, source: &dyn WeightSource, ids: &[i64]) -> Result<Tensor> {
        let Self { key, spec: TensorSpec { part, name, shape }, form } = self;
        let weights = || source.tensor(*part, name, shape);
        let quantized = || {
            let weights = weights()?;
            // What fp16 cannot hold cannot be expanded again.
            half(key, &weights).and_then(|_| Quantized::of(&weights))
        };
        match form {
            Form::Half => half(key, &weights()?),
            Form::Values => Ok(quantized()?.values),
            Form::Scales => Ok(quantized()?.scales),
            Form::Rows(_) => half(key, &weights()?.f_index_select(0, &Tensor::f_from_slice(ids)?)?),
            Form::Ids(_) => Ok(Tensor::f_from_slice(ids)?.f_to_kind(Kind::Int)?),
        }
    }
}

fn entries(path: &Path, config: &ModelConfig, stored_tokens: usize) -> Result<Vec<Entry>> {
    let keys = KeyMap::new(config);
    let mut entries = Vec::new();
    for spec in inventory(config)? {
        let Some(key) = keys.original(spec.part, &spec.name) else {
            return Err(format_error(path, format!("tensor {} has no name in single-file checkpoints", spec.name)));
        };
        let forms: &[Form] = if spec.part == Part::TextEncoder && spec.name == TOKENS {
            &[Form::Rows(stored_tokens), Form::Ids(stored_tokens)]
        } else if spec.shape.len() > 1 && spec.shape.iter().product::<i64>() >= QUANTIZED_FROM {
            &[Form::Values, Form::Scales]
        } else {
            &[Form::Half]
        };
        entries.extend(forms.iter().map(|&form| Entry { key: key.clone(), spec: spec.clone(), form }));
    }
    Ok(entries)
}

/// Each id once, ascending.
fn sorted(ids: &[i64], vocab_size: i64) -> std::result::Result<Vec<i64>, String> {
    if let Some(id) = ids.iter().find(|id| !(0..vocab_size).contains(id)) {
        return Err(format!("token {id} is not one of the {vocab_size} of its vocabulary"));
    }
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}
