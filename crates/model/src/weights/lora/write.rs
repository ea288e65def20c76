//! A LoRA file as kohya's scripts (<https://github.com/kohya-ss/sd-scripts>) write it: what AUTOMATIC1111, ComfyUI and
//! diffusers load.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use durable::Access;
use engine::tch::Tensor;
use sha2::{Digest, Sha256};

use super::{Lora, LoraModule};
use crate::config::{ModelConfig, PredictionType};
use crate::error::Result;
use crate::weights::export::{ExportNotes, Exported, half};
use crate::weights::hashing::Hashing;
use crate::weights::named_tensors::{self, items};
use crate::weights::safetensors_writer::Layout;
use crate::weights::tensor_file::{format_error, io_error};

pub(super) const DOWN: &str = ".lora_down.weight";
pub(super) const UP: &str = ".lora_up.weight";
const ALPHA: &str = ".alpha";

/// Writes `modules` of a model of this configuration to the `.safetensors` file `path`, in fp16, with kohya's metadata and
/// `notes`. Modules of 1×1 convolutions get kernels, whether they have them in memory or not.
///
/// The file appears under its name only when it is complete and on disk; what stood there before is replaced at once.
///
/// # Errors
/// When there is no module, one has no layer in such a model or does not fit it, a weight is no number or beyond fp16, or the
/// file cannot be written.
pub fn write_lora(
    path: &Path,
    config: &ModelConfig,
    modules: Vec<LoraModule>,
    notes: &ExportNotes,
) -> Result<Exported> {
    if modules.is_empty() {
        return Err(format_error(path, "there is nothing to write: the adapter has no layers"));
    }
    let lora = Lora::new(config, modules)?;
    let tensors = tensors(&lora)?;
    let layout = Layout::new(path, items(&tensors)?)?;
    let mut texts = kohya(path, config, &lora, notes);
    let (model_hash, legacy_hash) = hashes(path, &layout, &tensors, &texts)?;
    texts.insert("modelspec.hash_sha256".to_owned(), format!("0x{model_hash}"));
    texts.insert("sshs_model_hash".to_owned(), model_hash.clone());
    texts.insert("sshs_legacy_hash".to_owned(), legacy_hash);
    texts.extend(notes.provenance(config));
    texts.extend(notes.model_spec(config, ("stable-diffusion-v1/lora", "diffusers")));
    texts.insert("format".to_owned(), "pt".to_owned());
    let mut part = durable::part_beside(path, Access::Usual).map_err(|error| io_error(path, error))?;
    let written = named_tensors::write(part.as_file_mut(), path, &tensors, &texts)?;
    durable::keep(part, path).map_err(|error| io_error(path, error))?;
    Ok(Exported { bytes: written.bytes, data_sha256: model_hash })
}

/// Three tensors a module, in fp16.
fn tensors(lora: &Lora) -> Result<Vec<(String, Tensor)>> {
    let mut tensors = Vec::with_capacity(3 * lora.modules().len());
    for (spec, module) in lora.modules() {
        let (name, rank) = (module.name(), module.rank());
        let (outputs, _) = module.sides();
        let kernel = |sides: [i64; 2], kernel: &[i64]| [&sides[..], kernel].concat();
        let (inputs, down_kernel) = spec.shape.get(1..).and_then(|sides| sides.split_first()).unwrap_or((&1, &[]));
        let up_kernel = vec![1; down_kernel.len()];
        let mut add = |ending: &str, tensor: &Tensor, shape: Vec<i64>| -> Result<()> {
            let key = format!("{name}{ending}");
            let halves = half(&key, tensor)?.f_reshape(shape)?;
            tensors.push((key, halves));
            Ok(())
        };
        add(DOWN, &module.down, kernel([rank, *inputs], down_kernel))?;
        add(UP, &module.up, kernel([outputs, rank], &up_kernel))?;
        add(ALPHA, &Tensor::from(module.alpha()), Vec::new())?;
    }
    Ok(tensors)
}

/// What kohya's scripts say of a training, as far as readers look at it; texts are those of Python.
fn kohya(path: &Path, config: &ModelConfig, lora: &Lora, notes: &ExportNotes) -> BTreeMap<String, String> {
    let same = |value: &dyn Fn(&LoraModule) -> String| {
        let mut values: Vec<String> = lora.modules().iter().map(|(_, module)| value(module)).collect();
        values.dedup();
        if let [value] = values.as_slice() { value.clone() } else { "Dynamic".to_owned() }
    };
    let (width, height) = notes.resolution();
    let version = match config.schedule.prediction_type {
        PredictionType::Epsilon => "sd_v1",
        PredictionType::VPrediction => "sd_v1_v",
    };
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let texts = [
        ("ss_network_module", Some("networks.lora".to_owned())),
        ("ss_network_dim", Some(same(&|module| module.rank().to_string()))),
        ("ss_network_alpha", Some(same(&|module| format!("{:?}", module.alpha())))),
        ("ss_base_model_version", Some(version.to_owned())),
        ("ss_v2", Some("False".to_owned())),
        ("ss_output_name", name),
        ("ss_sd_model_name", notes.base_model.clone()),
        ("ss_resolution", Some(format!("({width}, {height})"))),
    ];
    texts.into_iter().filter_map(|(key, text)| Some((key.to_owned(), text?))).collect()
}

/// `sshs_model_hash` and `sshs_legacy_hash`. The first is the SHA-256 of the tensors' bytes. The second looks at 64 kB of the
/// file from 1 MB on, as if its header held kohya's own texts and no others; its first eight digits count.
fn hashes(
    path: &Path,
    layout: &Layout,
    tensors: &[(String, Tensor)],
    kohya: &BTreeMap<String, String>,
) -> Result<(String, String)> {
    let mut hashing = Hashing::new(Window { position: 0, hasher: Sha256::new() });
    let fail = |error| io_error(path, error);
    hashing.inner().write_all(&layout.header(kohya)?).map_err(fail)?;
    layout.write_data(&mut hashing, |index| Ok(tensors[index].1.shallow_clone()))?;
    let (window, model_hash, _) = hashing.finish();
    let mut legacy_hash = hex::encode(window.hasher.finalize());
    legacy_hash.truncate(8);
    Ok((model_hash, legacy_hash))
}

/// Hashes the 64 kB behind the first megabyte of what is written.
struct Window {
    position: u64,
    hasher: Sha256,
}

impl Window {
    const START: u64 = 0x10_0000;
    const END: u64 = 0x11_0000;
}

impl Write for Window {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let within = |place: u64| usize::try_from(place.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let (start, end) = (within(Self::START).min(bytes.len()), within(Self::END).min(bytes.len()));
        self.hasher.update(bytes.get(start..end).unwrap_or_default());
        self.position += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
