//! Which tensors a model has, found by building its networks on a source that only takes notes.
//!
//! The list cannot drift from the code, because it is made by the very constructors that load the weights.

use std::cell::RefCell;

use engine::tch::{Device, Kind, Tensor};

use super::{Part, WeightSource};
use crate::config::ModelConfig;
use crate::error::Result;
use crate::layers::Loader;
use crate::text_encoder::TextEncoder;
use crate::unet::UNet;
use crate::vae::Vae;

/// One tensor a model needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSpec {
    /// The network it belongs to.
    pub part: Part,
    /// diffusers' name.
    pub name: String,
    /// Its sides.
    pub shape: Vec<i64>,
}

/// Every tensor of a model of this configuration: UNet, text encoder, VAE, each in the order of construction.
///
/// # Errors
/// When libtorch refuses a shape.
pub fn inventory(config: &ModelConfig) -> Result<Vec<TensorSpec>> {
    let notes = Notes::default();
    let loader = |part| Loader::new(&notes, part, Device::Cpu, Kind::Float);
    UNet::load(&config.unet, loader(Part::Unet))?;
    TextEncoder::load(&config.text, loader(Part::TextEncoder))?;
    Vae::load(&config.vae, loader(Part::Vae))?;
    Ok(notes.specs.into_inner())
}

#[derive(Default)]
struct Notes {
    specs: RefCell<Vec<TensorSpec>>,
}

impl WeightSource for Notes {
    /// One zero, seen through a view of the shape: no memory, whatever the size.
    fn tensor(&self, part: Part, name: &str, shape: &[i64]) -> Result<Tensor> {
        self.specs.borrow_mut().push(TensorSpec { part, name: name.to_owned(), shape: shape.to_vec() });
        Ok(Tensor::f_zeros([1], (Kind::Float, Device::Cpu))?.f_expand(shape, false)?)
    }
}
