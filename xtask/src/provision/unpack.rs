//! Takes the libraries and headers out of the wheels; a wheel is a zip.

use std::collections::HashMap;
use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use indicatif::ProgressBar;
use zip::ZipArchive;

use super::error::{ProvisionError, failed};
use super::release::{Release, Wheel};
use super::verify::LINKER_SCRIPT;

/// Fills `folder` with `lib/`, and with `include/` where there are headers, from the wheels that lie in `wheels`.
///
/// # Errors
/// When a wheel is no zip, lacks a library, or the disk refuses.
pub(super) fn unpack(release: &Release, wheels: &Path, folder: &Path) -> Result<(), ProvisionError> {
    let lib = folder.join("lib");
    fs::create_dir_all(&lib).map_err(failed("create", &lib))?;
    let bar = ProgressBar::new(0).with_style(super::bytes_style()).with_message("unpacking");
    for wheel in release.wheels {
        unpack_wheel(wheel, &wheels.join(wheel.file_name), folder, &bar)?;
    }
    if release.headers_sha256.is_some() {
        let script = lib.join("libtorch.so");
        fs::write(&script, LINKER_SCRIPT).map_err(failed("write", &script))?;
        let gomp = lib.join("libgomp.so");
        symlink("libgomp.so.1", &gomp).map_err(failed("link", &gomp))?;
    }
    bar.finish_and_clear();
    Ok(())
}

fn unpack_wheel(wheel: &Wheel, file: &Path, folder: &Path, bar: &ProgressBar) -> Result<(), ProvisionError> {
    let unreadable = |reason: String| ProvisionError::Wheel { file: file.to_owned(), reason };
    let source = File::open(file).map_err(failed("open", file))?;
    let mut archive = ZipArchive::new(io::BufReader::new(source)).map_err(|error| unreadable(error.to_string()))?;
    let mut missing: HashMap<&str, &str> =
        wheel.libraries.iter().map(|library| (library.path, library.file_name())).collect();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|error| unreadable(error.to_string()))?;
        let name = entry.name().map_err(|error| unreadable(error.to_string()))?.into_owned();
        let target = if let Some(library) = missing.remove(name.as_str()) {
            folder.join("lib").join(library)
        } else if entry.is_file() && !wheel.headers.is_empty() && name.starts_with(wheel.headers) {
            // The wheel's sum is pinned, but a path that leaves the folder is refused all the same.
            let inside = entry.enclosed_name().ok_or_else(|| unreadable(format!("{name} leaves the folder")))?;
            let inside = inside.strip_prefix(wheel.headers).map_err(|error| unreadable(error.to_string()))?;
            folder.join("include").join(inside)
        } else {
            continue;
        };
        bar.inc_length(entry.size());
        write_file(&mut entry, &target, bar)?;
    }
    match missing.keys().next() {
        Some(path) => Err(unreadable(format!("it holds no {path}"))),
        None => Ok(()),
    }
}

fn write_file(source: &mut impl Read, target: &Path, bar: &ProgressBar) -> Result<(), ProvisionError> {
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder).map_err(failed("create", folder))?;
    }
    let file = File::create(target).map_err(failed("write", target))?;
    let mut writer = BufWriter::with_capacity(1 << 20, bar.wrap_write(file));
    io::copy(source, &mut writer).and_then(|_| writer.flush()).map_err(failed("write", target))?;
    fs::set_permissions(target, Permissions::from_mode(0o644)).map_err(failed("write", target))
}
