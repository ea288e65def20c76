//! A file of named tensors, whatever its format, and how the format is found: by content, never by the file's name.

use std::fmt::Debug;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use engine::tch::{Kind, Tensor};

use super::checkpoint::CheckpointFile;
use super::content::Content;
use super::quantized::expanded;
use super::safetensors_file::SafetensorsFile;
use crate::error::{ModelError, Result};

/// Largest tensor that is read. The largest of SD 1.5, the token embedding in fp64, has 0.3 GB; a header that claims more
/// than this is damaged or hostile, and is refused before any allocation of that size.
pub(super) const MAX_TENSOR_BYTES: u64 = 4 << 30;

/// Named tensors in one file, readable one by one in any order.
pub(super) trait TensorFile: Send + Sync + Debug {
    /// Where it lies.
    fn path(&self) -> &Path;

    /// Every tensor's name, in no promised order.
    fn names(&self) -> Vec<&str>;

    /// The shape of `name`, or nothing when there is no such tensor.
    fn shape(&self, name: &str) -> Option<&[i64]>;

    /// Reads `name` from the file, on the CPU, contiguous, in the file's dtype.
    fn read(&self, name: &str) -> Result<Tensor>;

    /// What the file says of its model's configuration, as it stands there: [`embedded_config`](super::embedded_config).
    fn model_config(&self) -> Option<&str>;

    /// What the file's metadata say of the model's prediction, in the words of the ModelSpec standard: `epsilon` or `v`.
    fn prediction_type(&self) -> Option<&str> {
        None
    }
}

/// A file of named tensors as it is, under its own names: the door for whoever wants to look into one.
#[derive(Debug)]
pub struct TensorTable(Box<dyn TensorFile>);

impl TensorTable {
    /// Opens a safetensors file or a checkpoint of `torch.save`, whichever its content is.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged, of another format, or contains code.
    pub fn open(path: &Path) -> Result<Self> {
        open(path).map(Self)
    }

    /// Every tensor's name, in no promised order.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.0.names()
    }

    /// The shape of `name`, or nothing when there is no such tensor.
    #[must_use]
    pub fn shape(&self, name: &str) -> Option<&[i64]> {
        self.0.shape(name)
    }

    /// Reads one tensor, on the CPU, contiguous, in the file's dtype.
    ///
    /// # Errors
    /// When it is absent or damaged.
    pub fn read(&self, name: &str) -> Result<Tensor> {
        self.0.read(name)
    }

    /// What the file says of its model's configuration, unchecked: the text under
    /// [`embedded_config::KEY`](super::embedded_config::KEY).
    #[must_use]
    pub fn model_config(&self) -> Option<&str> {
        self.0.model_config()
    }
}

/// Opens a safetensors file or a checkpoint of `torch.save`; reads its table of tensors and nothing else.
pub(super) fn open(path: &Path) -> Result<Box<dyn TensorFile>> {
    let file = File::open(path).map_err(|source| io_error(path, source))?;
    let mut start = [0; 64];
    let length = read_start(&file, &mut start).map_err(|source| io_error(path, source))?;
    let start = start.get(..length).unwrap_or(&start);
    if start.starts_with(b"PK\x03\x04") {
        return Ok(Box::new(CheckpointFile::open_zip(path, file)?));
    }
    if start.first() == Some(&0x80) && start.get(8) != Some(&b'{') {
        return Ok(Box::new(CheckpointFile::open_legacy(path, file)?));
    }
    if start.get(8) == Some(&b'{') {
        return expanded(SafetensorsFile::open(path, Content::File(file))?);
    }
    let reason = match start {
        [] => "it is empty; download it again".to_owned(),
        [b'<', ..] => "it is a web page; use the link that downloads the file itself".to_owned(),
        _ if start.starts_with(b"version https://git-lfs") => {
            "it is a git-lfs pointer; fetch the file it points to with git lfs pull".to_owned()
        }
        _ => "it is neither safetensors nor a PyTorch checkpoint, judging by its first bytes".to_owned(),
    };
    Err(format_error(path, reason))
}

/// Opens a safetensors file that the program has in itself; `name` is what sentences call it.
pub(super) fn open_embedded(name: &str, bytes: &'static [u8]) -> Result<Box<dyn TensorFile>> {
    expanded(SafetensorsFile::open(Path::new(name), Content::Embedded(bytes))?)
}

fn read_start(file: &File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, filled as u64)? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

/// Reads `length` bytes at `offset`; a file that has become shorter since it was opened is an error, never a panic.
pub(super) fn read_bytes(path: &Path, file: &File, offset: u64, length: u64) -> Result<Vec<u8>> {
    if length > MAX_TENSOR_BYTES {
        return Err(format_error(path, format!("one tensor claims {length} bytes; the limit is {MAX_TENSOR_BYTES}")));
    }
    let length = usize::try_from(length).map_err(|_| format_error(path, "one tensor is too large for this machine"))?;
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, offset).map_err(|source| match source.kind() {
        io::ErrorKind::UnexpectedEof => format_error(path, "it ends in the middle of a tensor; download it again"),
        _ => io_error(path, source),
    })?;
    Ok(bytes)
}

/// Gives libtorch a copy of `bytes` as a tensor.
///
/// libtorch copies as many bytes as `shape` asks for without knowing how many there are, so the lengths are compared here.
pub(super) fn tensor_from_bytes(path: &Path, bytes: &[u8], shape: &[i64], kind: Kind) -> Result<Tensor> {
    if byte_length(shape, kind) != Some(bytes.len() as u64) {
        let length = bytes.len();
        return Err(format_error(path, format!("a tensor of shape {shape:?} cannot have {length} bytes")));
    }
    Ok(Tensor::f_from_data_size(bytes, shape, kind)?)
}

/// The bytes of a contiguous tensor, or nothing when a side is negative or the product overflows.
pub(super) fn byte_length(shape: &[i64], kind: Kind) -> Option<u64> {
    let size = kind.elt_size_in_bytes() as u64;
    shape.iter().try_fold(size, |product, &side| product.checked_mul(u64::try_from(side).ok()?))
}

pub(super) fn format_error(path: &Path, reason: impl Into<String>) -> ModelError {
    ModelError::Format { path: path.to_owned(), reason: reason.into() }
}

pub(super) fn io_error(path: &Path, source: io::Error) -> ModelError {
    ModelError::Io { path: PathBuf::from(path), source }
}

/// Reads `name`, accepting a 1x1 convolution where a linear layer is asked for and the other way round.
pub(super) fn read_as(file: &dyn TensorFile, name: &str, shape: &[i64]) -> Result<Tensor> {
    let Some(found) = file.shape(name) else {
        return Err(ModelError::MissingTensor { path: file.path().to_owned(), name: name.to_owned() });
    };
    if without_kernel(found) != without_kernel(shape) {
        return Err(ModelError::Shape {
            path: file.path().to_owned(),
            name: name.to_owned(),
            found: found.to_vec(),
            expected: shape.to_vec(),
        });
    }
    Ok(file.read(name)?.f_reshape(shape)?)
}

/// `[out, in, 1, 1]` and `[out, in]` are the same weights.
fn without_kernel(shape: &[i64]) -> &[i64] {
    match shape {
        [_, _, 1, 1] => &shape[..2],
        _ => shape,
    }
}
