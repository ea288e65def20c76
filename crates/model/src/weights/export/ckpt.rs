//! The checkpoint writer: the zip archive of `torch.save`, entries uncompressed and aligned to 64 bytes. The pickle, which
//! `torch.save` puts first, stands behind the tensors here, because it tells their hash; readers find it by its name.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::pickle_writer::PickleWriter;
use super::{Exported, Table, sealed};
use crate::error::{ModelError, Result};
use crate::weights::WeightSource;
use crate::weights::hashing::Hashing;
use crate::weights::safetensors_writer::write_tensor;
use crate::weights::tensor_file::{format_error, io_error};

/// Where `torch.save` starts every entry's bytes, so that a mapped file can be used in place.
const ALIGNMENT: u16 = 64;

/// The folder inside the archive.
const ROOT: &str = "archive";

type Zip<'a> = ZipWriter<BufWriter<&'a mut File>>;

pub(super) fn write(path: &Path, file: &mut File, table: &Table, source: &dyn WeightSource) -> Result<Exported> {
    let fail = |error: std::io::Error| io_error(path, error);
    let mut hashing = Hashing::new(ZipWriter::new(BufWriter::new(&mut *file)));
    let mut buffer = Vec::new();
    for (number, &index) in table.layout.order().iter().enumerate() {
        start(path, hashing.inner(), &format!("data/{number}"))?;
        write_tensor(path, &mut hashing, &table.entries[index].read(source)?, &mut buffer)?;
    }
    let (mut zip, data_sha256, _) = hashing.finish();
    start(path, &mut zip, "data.pkl")?;
    zip.write_all(&pickle(table, &data_sha256)).map_err(fail)?;
    start(path, &mut zip, "byteorder")?;
    zip.write_all(b"little").map_err(fail)?;
    start(path, &mut zip, "version")?;
    zip.write_all(b"3\n").map_err(fail)?;
    let mut out = zip.finish().map_err(|error| zip_error(path, error))?;
    out.flush().map_err(fail)?;
    drop(out);
    Ok(Exported { bytes: file.metadata().map_err(fail)?.len(), data_sha256 })
}

fn start(path: &Path, zip: &mut Zip<'_>, name: &str) -> Result<()> {
    // The default time is 1980: the same weights give the same file.
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored).with_alignment(ALIGNMENT);
    zip.start_file(format!("{ROOT}/{name}"), options).map_err(|error| zip_error(path, error))
}

/// `{"state_dict": {name: tensor, …}, "epoch": 0, "global_step": 0, "dreambooth.model_config": "…", …}`
fn pickle(table: &Table, data_sha256: &str) -> Vec<u8> {
    let mut pickle = PickleWriter::new();
    pickle.dict(|pickle| {
        pickle.text("state_dict");
        pickle.dict(|pickle| {
            for (number, &index) in table.layout.order().iter().enumerate() {
                let entry = &table.entries[index];
                pickle.text(&entry.key);
                pickle.tensor(number, entry.kind(), &entry.shape);
            }
        });
        for counter in ["epoch", "global_step"] {
            pickle.text(counter);
            pickle.integer(0);
        }
        for (key, text) in sealed(&table.texts, data_sha256) {
            pickle.text(&key);
            pickle.text(&text);
        }
    });
    pickle.finish()
}

fn zip_error(path: &Path, error: zip::result::ZipError) -> ModelError {
    match error {
        zip::result::ZipError::Io(source) => io_error(path, source),
        error => format_error(path, format!("it could not be written: {error}")),
    }
}
