//! A folder that diffusers' `StableDiffusionPipeline.from_pretrained` loads, in fp16.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;

use serde_json::Value;

use super::notes::ExportNotes;
use super::{Table, entries, pipeline_config, safetensors};
use crate::config::ModelConfig;
use crate::error::Result;
use crate::tokenizer::Tokenizer;
use crate::weights::tensor_file::{format_error, io_error};
use crate::weights::{Part, WeightSource};

/// What the notes say, and the hash of each network's data, beside `model_index.json`. diffusers does not look at it.
const NOTES: &str = "dreambooth.json";

/// Writes the model of `config` with the weights of `source` as the diffusers folder `dir`.
///
/// The folder appears under its name only when it is complete and on disk; a folder that stood there before is replaced.
///
/// # Errors
/// When a tensor cannot be read, a weight is no number or beyond fp16, or a file cannot be written.
pub fn export_diffusers(
    dir: &Path,
    config: &ModelConfig,
    source: &dyn WeightSource,
    notes: &ExportNotes,
) -> Result<()> {
    let part = durable::folder_beside(dir).map_err(|error| io_error(dir, error))?;
    let folder = Folder { root: part.path(), name: dir, config, source };
    folder.configurations(notes)?;
    folder.tokenizer()?;
    let hashes = folder.networks()?;
    folder.notes(notes, hashes)?;
    durable::keep_folder(part, dir).map_err(|error| io_error(dir, error))
}

/// The folder while it is not whole.
struct Folder<'a> {
    /// Where it lies meanwhile.
    root: &'a Path,
    /// What it will be called: for errors.
    name: &'a Path,
    config: &'a ModelConfig,
    source: &'a dyn WeightSource,
}

impl Folder<'_> {
    fn configurations(&self, notes: &ExportNotes) -> Result<()> {
        let (width, height) = notes.resolution();
        let side = width.min(height);
        let files = [
            ("unet/config.json", pipeline_config::unet(self.config, side)),
            ("vae/config.json", pipeline_config::vae(self.config, side)),
            ("text_encoder/config.json", pipeline_config::text_encoder(self.config)),
            ("scheduler/scheduler_config.json", pipeline_config::scheduler(self.config)),
            ("model_index.json", Ok(pipeline_config::index(self.config))),
        ];
        files.into_iter().try_for_each(|(name, config)| {
            let config = config.map_err(|error| format_error(self.name, error.to_string()))?;
            self.text(name, &format!("{config:#}\n"))
        })
    }

    fn tokenizer(&self) -> Result<()> {
        Tokenizer::clip().files().iter().try_for_each(|(name, text)| self.text(&format!("tokenizer/{name}"), text))
    }

    /// The hash of each network's data, by the name of its folder.
    fn networks(&self) -> Result<BTreeMap<&'static str, String>> {
        let files = [
            (Part::Unet, "unet", "diffusion_pytorch_model.safetensors"),
            (Part::TextEncoder, "text_encoder", "model.safetensors"),
            (Part::Vae, "vae", "diffusion_pytorch_model.safetensors"),
        ];
        let write = |(part, folder, file): (Part, &'static str, &str)| {
            let name = self.name.join(folder).join(file);
            let table = Table::new(&name, entries::of_part(self.config, part)?, BTreeMap::new())?;
            let path = self.root.join(folder).join(file);
            let mut file = File::create(path).map_err(|error| io_error(&name, error))?;
            let exported = safetensors::write(&name, &mut file, &table, self.source)?;
            Ok((folder, exported.data_sha256))
        };
        files.into_iter().map(write).collect()
    }

    fn notes(&self, notes: &ExportNotes, hashes: BTreeMap<&'static str, String>) -> Result<()> {
        let mut texts: BTreeMap<String, Value> = notes
            .provenance(self.config)
            .into_iter()
            .chain(notes.date.clone().map(|date| ("dreambooth.date".to_owned(), date)))
            .map(|(key, text)| (key, Value::String(text)))
            .collect();
        texts.extend(notes.settings.clone().map(|settings| ("dreambooth.settings".to_owned(), settings)));
        texts
            .extend(hashes.into_iter().map(|(part, hash)| (format!("{part}.hash_sha256"), format!("0x{hash}").into())));
        let text = serde_json::to_string_pretty(&texts).map_err(|error| format_error(self.name, error.to_string()))?;
        self.text(NOTES, &format!("{text}\n"))
    }

    fn text(&self, name: &str, text: &str) -> Result<()> {
        let path = self.root.join(name);
        let fail = |error| io_error(&self.name.join(name), error);
        fs::create_dir_all(durable::folder_of(&path)).map_err(fail)?;
        fs::write(path, text).map_err(fail)
    }
}
