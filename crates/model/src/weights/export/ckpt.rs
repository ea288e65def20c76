//! The checkpoint writer: the zip archive of `torch.save`, entries uncompressed and aligned to 64 bytes.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::pickle_writer::PickleWriter;
use super::{Table, write_contents};
use crate::error::{ModelError, Result};
use crate::weights::tensor_file::{format_error, io_error};
use crate::weights::{WeightSource, embedded_config};

/// Where `torch.save` starts every entry's bytes, so that a mapped file can be used in place.
const ALIGNMENT: u16 = 64;

/// The folder inside the archive.
const ROOT: &str = "archive";

pub(super) fn write(path: &Path, file: &mut File, table: &Table, source: &dyn WeightSource) -> Result<()> {
    let mut zip = ZipWriter::new(BufWriter::new(file));
    let fail = |error: std::io::Error| io_error(path, error);
    start(path, &mut zip, "data.pkl")?;
    zip.write_all(&pickle(table)).map_err(fail)?;
    start(path, &mut zip, "byteorder")?;
    zip.write_all(b"little").map_err(fail)?;
    for (number, entry) in table.entries.iter().enumerate() {
        start(path, &mut zip, &format!("data/{number}"))?;
        write_contents(path, &mut zip, std::iter::once(entry), source)?;
    }
    start(path, &mut zip, "version")?;
    zip.write_all(b"3\n").map_err(fail)?;
    let mut out = zip.finish().map_err(|error| zip_error(path, error))?;
    out.flush().map_err(fail)
}

fn start(path: &Path, zip: &mut ZipWriter<BufWriter<&mut File>>, name: &str) -> Result<()> {
    // The default time is 1980: the same weights give the same file.
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored).with_alignment(ALIGNMENT);
    zip.start_file(format!("{ROOT}/{name}"), options).map_err(|error| zip_error(path, error))
}

/// `{"state_dict": {name: tensor, …}, "epoch": 0, "global_step": 0, "dreambooth.model_config": "…"}`
fn pickle(table: &Table) -> Vec<u8> {
    let mut pickle = PickleWriter::new();
    pickle.dict(|pickle| {
        pickle.text("state_dict");
        pickle.dict(|pickle| {
            for (number, entry) in table.entries.iter().enumerate() {
                pickle.text(&entry.key);
                pickle.tensor(number, entry.kind(), &entry.shape);
            }
        });
        for counter in ["epoch", "global_step"] {
            pickle.text(counter);
            pickle.integer(0);
        }
        pickle.text(embedded_config::KEY);
        pickle.text(&table.config);
    });
    pickle.finish()
}

fn zip_error(path: &Path, error: zip::result::ZipError) -> ModelError {
    match error {
        zip::result::ZipError::Io(source) => io_error(path, source),
        error => format_error(path, format!("it could not be written: {error}")),
    }
}
