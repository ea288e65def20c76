//! The networks of a training: what they compute with, and which of their numbers change.
//!
//! Three ways to hold a trained weight (see [`Layout`]): f32 throughout; f32 masters that are cast on use, with gradients in
//! f32; and f32 masters beside bf16 shadows, which the network computes with and which gather the gradients. For Stable
//! Diffusion 1.5's UNet with AdamW that is 16, 16 and 16 bytes a weight in memory, but 52 and 30 bytes moved in a step of the
//! latter two. A LoRA holds its small matrices in f32 beside frozen weights in the compute dtype.

use engine::Parameter;
use engine::tch::{Device, Kind, Tensor};
use model::base::BaseModel;
use model::weights::WeightSource;
use model::{Dtypes, LoadOptions, LoraSettings, Part, TextEncoder, UNet};

use crate::error::Result;

/// How a network that is trained lies in memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Layout {
    /// What the networks compute in.
    pub compute: Kind,
    /// What the gradients of weights are kept in: f32, or bf16 where that is computed in.
    pub gradients: Kind,
    /// Whether activations are computed again in the backward pass instead of kept.
    pub recompute: bool,
    /// The small matrices that are trained instead of the weights, if it is these.
    pub adapter: Option<LoraSettings>,
}

impl Layout {
    /// f32 throughout.
    pub const FP32: Self = Self { compute: Kind::Float, gradients: Kind::Float, recompute: false, adapter: None };

    /// How a network that is trained is loaded.
    fn trained(&self) -> LoadOptions {
        let in_bf16 = self.adapter.is_some() || self.gradients == Kind::BFloat16;
        let dtypes = if in_bf16 { mixed(self.compute) } else { Dtypes::all(Kind::Float) };
        LoadOptions { dtypes, recompute: self.recompute, adapter: self.adapter }
    }

    /// How a network that others learn through is loaded.
    fn frozen(&self) -> LoadOptions {
        LoadOptions { dtypes: mixed(self.compute), recompute: self.recompute, adapter: None }
    }
}

/// Weights in the compute dtype, norms in f32.
fn mixed(compute: Kind) -> Dtypes {
    if compute == Kind::BFloat16 { Dtypes::mixed_bf16() } else { Dtypes::all(compute) }
}

/// A network and the numbers of it that change.
#[derive(Debug)]
pub struct InTraining<N> {
    /// Computes with the parameters' leaves.
    pub network: N,
    /// What is trained.
    pub parameters: Vec<Parameter>,
}

/// The text encoder, to be trained.
///
/// # Errors
/// When the base model cannot be read.
pub fn trained_text_encoder(base: &BaseModel, device: Device, layout: &Layout) -> Result<InTraining<TextEncoder>> {
    let network = base.text_encoder_with(device, &layout.trained())?;
    let parameters = match layout.adapter {
        Some(_) => learning(network.adapter())?,
        None => learning_with_masters(base.weights(), Part::TextEncoder, network.parameters())?,
    };
    Ok(InTraining { network, parameters })
}

/// The UNet, to be trained.
///
/// # Errors
/// As [`trained_text_encoder`].
pub fn trained_unet(base: &BaseModel, device: Device, layout: &Layout) -> Result<InTraining<UNet>> {
    let network = base.unet_with(device, &layout.trained())?;
    let parameters = match layout.adapter {
        Some(_) => learning(network.adapter())?,
        None => learning_with_masters(base.weights(), Part::Unet, network.parameters())?,
    };
    Ok(InTraining { network, parameters })
}

/// The UNet, through which a text encoder learns; its weights lie in the dtype that is computed in.
///
/// # Errors
/// As [`trained_text_encoder`].
pub fn frozen_unet(base: &BaseModel, device: Device, layout: &Layout) -> Result<UNet> {
    Ok(base.unet_with(device, &layout.frozen())?)
}

/// A UNet that did not change since it was loaded as `from` says becomes one that is trained as `to` says, if the two lie
/// alike: then it need not be read again.
///
/// # Errors
/// When memory is short, or the base model cannot be read.
pub fn thaw(base: &BaseModel, unet: UNet, from: &Layout, to: &Layout) -> Result<Option<InTraining<UNet>>> {
    if from.frozen() != to.trained() {
        return Ok(None);
    }
    let parameters = learning_with_masters(base.weights(), Part::Unet, unet.parameters())?;
    Ok(Some(InTraining { network: unet, parameters }))
}

/// f32 tensors that are their own masters.
fn learning(named: &[(String, Tensor)]) -> Result<Vec<Parameter>> {
    named.iter().map(|(name, tensor)| Ok(Parameter::new(name.clone(), tensor.f_set_requires_grad(true)?))).collect()
}

/// Weights of a network that came from `weights`, to be trained; those in bf16 get an f32 master, read anew so that it is exact.
///
/// # Errors
/// When memory is short, or the weights cannot be read.
pub fn learning_with_masters(
    weights: &dyn WeightSource,
    part: Part,
    named: &[(String, Tensor)],
) -> Result<Vec<Parameter>> {
    let parameter = |(name, tensor): &(String, Tensor)| {
        let leaf = tensor.f_set_requires_grad(true)?;
        if leaf.kind() == Kind::Float {
            return Ok(Parameter::new(name.clone(), leaf));
        }
        let master = weights.tensor(part, name, &leaf.size())?;
        let master = master.f_to_device(leaf.device())?.f_to_kind(Kind::Float)?;
        Ok(Parameter::with_shadow(name.clone(), master, leaf)?)
    };
    named.iter().map(parameter).collect()
}

/// Turns gradients off where a stage ended, for the tensors themselves.
pub fn freeze(parameters: &[Parameter]) {
    for parameter in parameters {
        let _same_tensor = parameter.leaf().set_requires_grad(false);
    }
}
