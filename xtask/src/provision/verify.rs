//! Sums of files and folders, and the manifest that says a folder was found whole.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::error::{ProvisionError, failed};
use super::release::Release;

/// Name of the manifest; it is written last, so a folder with a manifest is whole.
pub const MANIFEST: &str = "manifest.json";

/// What `libtorch.so` holds: a linker script. The real one also pulls in the CUDA libraries, which the program opens itself where
/// they are.
pub const LINKER_SCRIPT: &str = "INPUT(AS_NEEDED(-ltorch_cpu))\n";

/// SHA-256 of a file, in hexadecimal. `seen` is told the bytes as they are read.
///
/// # Errors
/// When the file cannot be read.
pub fn sha256_of(path: &Path, mut seen: impl FnMut(u64)) -> Result<String, ProvisionError> {
    let mut file = File::open(path).map_err(failed("open", path))?;
    let mut sum = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer).map_err(failed("read", path))?;
        if read == 0 {
            return Ok(hex::encode(sum.finalize()));
        }
        sum.update(&buffer[..read]);
        seen(read as u64);
    }
}

/// One sum over a folder of headers: SHA-256 of the lines `{sha256}  {path}\n`, sorted by path.
///
/// # Errors
/// When a file cannot be read.
pub fn headers_digest(include: &Path) -> Result<String, ProvisionError> {
    let mut files = Vec::new();
    collect(include, &mut files)?;
    let mut relative: Vec<(PathBuf, String)> = Vec::with_capacity(files.len());
    for file in files {
        let sum = sha256_of(&file, |_| ())?;
        relative.push((file.strip_prefix(include).map_or_else(|_| file.clone(), Path::to_owned), sum));
    }
    relative.sort_by(|a, b| a.0.as_os_str().cmp(b.0.as_os_str()));
    let mut digest = Sha256::new();
    for (path, sum) in relative {
        digest.update(format!("{sum}  {}\n", path.display()));
    }
    Ok(hex::encode(digest.finalize()))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), ProvisionError> {
    for entry in fs::read_dir(folder).map_err(failed("list", folder))? {
        let path = entry.map_err(failed("list", folder))?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// Compares every file of a folder with the pinned sums. For libtorch half a gigabyte is read, with CUDA three and a half: seconds.
///
/// # Errors
/// Names the first file that is missing or different.
pub fn verify(release: &Release, folder: &Path) -> Result<(), ProvisionError> {
    let wrong = |path: &Path, reason: String| ProvisionError::WrongFile {
        path: path.to_owned(),
        reason,
        folder: folder.to_owned(),
    };
    for library in release.libraries() {
        let path = folder.join("lib").join(library.file_name());
        let found = fs::metadata(&path).map_err(|_| wrong(&path, "it is missing".into()))?.len();
        if found != library.bytes {
            return Err(wrong(&path, format!("it has {found} bytes instead of {}", library.bytes)));
        }
        let sum = sha256_of(&path, |_| ())?;
        if sum != library.sha256 {
            return Err(wrong(&path, format!("its SHA-256 is {sum} instead of {}", library.sha256)));
        }
    }
    let Some(headers_sha256) = release.headers_sha256 else { return Ok(()) };
    let script = folder.join("lib/libtorch.so");
    if fs::read_to_string(&script).ok().as_deref().map(str::trim) != Some(LINKER_SCRIPT.trim()) {
        return Err(wrong(&script, "it is not the expected linker script".into()));
    }
    let gomp = folder.join("lib/libgomp.so");
    if !gomp.exists() {
        return Err(wrong(&gomp, "it is missing".into()));
    }
    let include = folder.join("include");
    let headers = headers_digest(&include).map_err(|_| wrong(&include, "its headers cannot be read".into()))?;
    if headers != headers_sha256 {
        return Err(wrong(&include, "a header is missing, changed or too many".into()));
    }
    Ok(())
}

/// Writes the manifest of a verified folder, all or nothing.
///
/// # Errors
/// When it cannot be written.
pub fn write_manifest(release: &Release, folder: &Path) -> Result<(), ProvisionError> {
    let library = |library: &super::release::Library| {
        json!({
            "file": format!("lib/{}", library.file_name()),
            "bytes": library.bytes,
            "sha256": library.sha256,
        })
    };
    let manifest = json!({
        "folder": release.folder,
        "libraries": release.libraries().map(library).collect::<Vec<_>>(),
        "headers_sha256": release.headers_sha256,
    });
    let written = folder.join(".manifest.json.partial");
    fs::write(&written, format!("{manifest:#}\n")).map_err(failed("write", &written))?;
    File::open(&written).and_then(|file| file.sync_all()).map_err(failed("write", &written))?;
    let manifest = folder.join(MANIFEST);
    fs::rename(&written, &manifest).map_err(failed("write", &manifest))
}

/// True when the folder was found whole once (its manifest is there and of this release) and its libraries still have their
/// sizes. A look at a few files' sizes, so that every command can begin with it.
pub fn looks_whole(release: &Release, folder: &Path) -> bool {
    let manifest = fs::read(folder.join(MANIFEST)).ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok());
    let ours = manifest.is_some_and(|manifest| manifest["headers_sha256"] == json!(release.headers_sha256));
    let size = |file: &str| fs::metadata(folder.join("lib").join(file)).map(|data| data.len()).ok();
    let is_linkable =
        || folder.join("include").is_dir() && size("libtorch.so").is_some() && size("libgomp.so").is_some();
    ours && (release.headers_sha256.is_none() || is_linkable())
        && release.libraries().all(|library| size(library.file_name()) == Some(library.bytes))
}
