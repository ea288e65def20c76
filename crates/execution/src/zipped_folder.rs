//! A folder as one file: artifacts are files.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::Path;

use durable::Access;
use walkdir::WalkDir;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Writes the files below `folder` to the zip `path`, uncompressed, for weights do not shrink: whole or not at all. The same
/// folder gives the same file.
///
/// # Errors
/// When a file cannot be read, or the zip not be written.
pub(crate) fn zip_folder(folder: &Path, path: &Path) -> io::Result<()> {
    durable::write(path, Access::Usual, |file| {
        let mut zip = ZipWriter::new(BufWriter::new(file));
        for entry in WalkDir::new(folder).sort_by_file_name() {
            let entry = entry?;
            let Ok(name) = entry.path().strip_prefix(folder) else { continue };
            if entry.file_type().is_file() {
                // The default time is 1980.
                let options = SimpleFileOptions::default()
                    .compression_method(CompressionMethod::Stored)
                    .large_file(fs::metadata(entry.path())?.len() > u64::from(u32::MAX));
                zip.start_file(name.to_string_lossy(), options)?;
                io::copy(&mut File::open(entry.path())?, &mut zip)?;
            }
        }
        zip.finish()?.into_inner().map_err(io::IntoInnerError::into_error).map(|_| ())
    })
}
