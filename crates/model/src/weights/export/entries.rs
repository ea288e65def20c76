//! What an exported file holds: every tensor of a model, where its weights come from, and the fp16 that they become.

use std::path::Path;

use engine::tch::{Device, Kind, Tensor};

use crate::config::ModelConfig;
use crate::error::{ModelError, Result};
use crate::weights::key_map::{KeyMap, POSITION_IDS, is_vae_attention_weight};
use crate::weights::safetensors_writer::Item;
use crate::weights::tensor_file::format_error;
use crate::weights::{Part, TensorSpec, WeightSource, inventory};

/// One tensor of the file to be.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its name in the file.
    pub(super) key: String,
    /// Its shape in the file.
    pub(super) shape: Vec<i64>,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// A weight of the model, in fp16.
    Weight(TensorSpec),
    /// 0, 1, 2, .. in int64.
    PositionIds,
}

impl Entry {
    pub(super) fn kind(&self) -> Kind {
        match self.content {
            Content::Weight(_) => Kind::Half,
            Content::PositionIds => Kind::Int64,
        }
    }

    pub(super) fn item(&self) -> Item {
        Item { name: self.key.clone(), kind: self.kind(), shape: self.shape.clone() }
    }

    /// Its content, in its dtype and shape.
    pub(super) fn read(&self, source: &dyn WeightSource) -> Result<Tensor> {
        match &self.content {
            Content::Weight(spec) => {
                let weights = source.tensor(spec.part, &spec.name, &spec.shape)?;
                Ok(half(&self.key, &weights)?.f_reshape(&self.shape)?)
            }
            Content::PositionIds => {
                let count: i64 = self.shape.iter().product();
                Ok(Tensor::f_arange(count, (Kind::Int64, Device::Cpu))?.f_reshape(&self.shape)?)
            }
        }
    }
}

/// The weights of `name` in fp16. What fp16 cannot hold would become infinite, and every picture black.
pub(in crate::weights) fn half(name: &str, weights: &Tensor) -> Result<Tensor> {
    let halves = weights.f_to_kind(Kind::Half)?;
    if halves.numel() == 0 {
        return Ok(halves);
    }
    let (least, greatest) = halves.f_aminmax(None, false)?;
    // A value that is no number makes both of them none.
    if least.f_double_value(&[])?.is_finite() && greatest.f_double_value(&[])?.is_finite() {
        return Ok(halves);
    }
    let largest = weights.f_to_kind(Kind::Float)?.f_abs()?.f_max()?.f_double_value(&[])?;
    Err(if largest.is_finite() {
        ModelError::BeyondHalf { name: name.to_owned(), largest }
    } else {
        ModelError::NotFinite { name: name.to_owned() }
    })
}

/// All three networks under their original names, for a single file.
pub(super) fn original(path: &Path, config: &ModelConfig) -> Result<Vec<Entry>> {
    let keys = KeyMap::new(config);
    let positions = vec![1, config.text.max_position_embeddings];
    let mut entries = vec![Entry { key: POSITION_IDS.to_owned(), shape: positions, content: Content::PositionIds }];
    for spec in inventory(config)? {
        let Some(key) = keys.original(spec.part, &spec.name) else {
            return Err(format_error(path, format!("tensor {} has no name in single-file checkpoints", spec.name)));
        };
        let shape = match spec.shape.as_slice() {
            &[outputs, inputs] if is_vae_attention_weight(spec.part, &spec.name) => vec![outputs, inputs, 1, 1],
            shape => shape.to_vec(),
        };
        entries.push(Entry { key, shape, content: Content::Weight(spec) });
    }
    Ok(entries)
}

/// One network under diffusers' names, for its folder.
pub(super) fn of_part(config: &ModelConfig, part: Part) -> Result<Vec<Entry>> {
    let specs = inventory(config)?.into_iter().filter(|spec| spec.part == part);
    let entry =
        |spec: TensorSpec| Entry { key: spec.name.clone(), shape: spec.shape.clone(), content: Content::Weight(spec) };
    Ok(specs.map(entry).collect())
}
