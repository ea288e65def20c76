//! Where weights come from and where they go. Every source answers in diffusers' names, whatever its file uses.
//!
//! - sources: [`FolderSource`] (diffusers folder), [`SingleFileSource`] (`.safetensors`, `.ckpt` with the original names),
//!   [`RandomSource`] (a seed), [`Overlay`] (trained networks over a base), [`TaesdSource`] (a tiny autoencoder's two files)
//! - files: `tensor_file` finds the format by content; `safetensors_file`, `checkpoint` and the data-only `pickle` read it;
//!   `content` is where the bytes lie, on the disk or in the program
//! - kinds: `recognition` says by its tensors' names what a file is that is no Stable Diffusion 1.x
//! - adapters: [`lora`] reads and writes LoRA files, and adds them to any source
//! - names: [`key_map`] turns diffusers' names into the original ones, for reading and for writing
//! - sizes: [`embedded_config`] is what an export says of itself; [`inferred_config`] reads the networks' sizes off the
//!   tensors of a file that says nothing
//! - out: [`mod@export`] writes one file from any source, `quantized` a small one in 8 bits, which is read as every other
//!   single file is; [`named_tensors`] any tensors, bit for bit
//!
//! Nothing is mapped into memory and nothing is cached: a tensor is read from its place in the file when it is asked for,
//! through one buffer that is dropped once libtorch owns the bytes. A loaded network therefore exists once, plus the
//! bytes of the one tensor that is being read: SD 1.5's UNet, 3.44 GB in float32, loads from an fp16 checkpoint with a peak
//! of 3.47 GB for the whole process.

mod checkpoint;
mod checkpoint_legacy;
mod checkpoint_zip;
mod content;
pub mod embedded_config;
pub mod export;
mod folder;
mod hashing;
pub mod inferred_config;
mod inferred_vae;
mod inventory;
pub mod key_map;
pub mod lora;
pub mod named_tensors;
mod overlay;
mod pickle;
mod quantized;
mod random;
mod recognition;
mod safetensors_file;
mod safetensors_writer;
mod shards;
mod single_file;
mod taesd;
mod tensor_file;
mod zip_directory;

use engine::tch::Tensor;

pub use export::{ExportNotes, Exported, Format, export, export_diffusers};
pub use folder::FolderSource;
pub use inventory::{TensorSpec, inventory};
pub use lora::{Lora, LoraModule, Merged, Multipliers, write_lora};
pub use overlay::Overlay;
pub use quantized::{StoredTokens, write_quantized};
pub use random::RandomSource;
pub use single_file::SingleFileSource;
pub use taesd::TaesdSource;
pub use tensor_file::TensorTable;

use crate::error::Result;

/// The three networks of Stable Diffusion 1.x.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// CLIP's text model; names begin with `text_model.`
    TextEncoder,
    /// The denoising UNet.
    Unet,
    /// The autoencoder.
    Vae,
}

/// A place to read tensors from, one at a time.
pub trait WeightSource {
    /// The tensor `name` (diffusers' naming) of `part`, on the CPU, in the file's dtype, with exactly `shape`.
    ///
    /// # Errors
    /// When it is absent, damaged or of another shape.
    fn tensor(&self, part: Part, name: &str, shape: &[i64]) -> Result<Tensor>;
}

impl<S: WeightSource + ?Sized> WeightSource for &S {
    fn tensor(&self, part: Part, name: &str, shape: &[i64]) -> Result<Tensor> {
        (**self).tensor(part, name, shape)
    }
}

impl<S: WeightSource + ?Sized> WeightSource for Box<S> {
    fn tensor(&self, part: Part, name: &str, shape: &[i64]) -> Result<Tensor> {
        (**self).tensor(part, name, shape)
    }
}
