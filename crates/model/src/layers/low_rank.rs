//! Low-rank adaptation of linear layers (Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021), with the
//! names and initial values of kohya's scripts.

use engine::tch::{Device, Tensor};

use super::NamedTensors;
use crate::error::{ModelError, Result};
use crate::options::LoraSettings;
use crate::weights::{Part, RandomSource, WeightSource};

/// What is added to a linear layer: x·downᵀ·upᵀ · alpha / rank. Two f32 tensors that ask for gradients, whatever the layer's
/// dtype, cast on use.
#[derive(Debug)]
pub(super) struct LowRank {
    /// `[rank, inputs]`, with the trailing sides of 1 of a 1×1 convolution.
    down: Tensor,
    /// `[outputs, rank]`, likewise.
    up: Tensor,
    scale: f64,
}

impl LowRank {
    /// The adapter of the layer `path`, and its tensors by their names. The layer's stored weight has `weight_shape`:
    /// `[outputs, inputs, ..]`.
    pub(super) fn new(
        settings: &LoraSettings,
        part: Part,
        path: &str,
        weight_shape: &[i64],
        device: Device,
    ) -> Result<(Self, NamedTensors)> {
        let LoraSettings { rank, alpha, seed } = *settings;
        if rank < 1 {
            return Err(ModelError::AdapterRank(rank));
        }
        let (mut down_shape, mut up_shape) = (weight_shape.to_vec(), weight_shape.to_vec());
        (down_shape[0], up_shape[1]) = (rank, rank);
        let module = module_name(part, path);
        let (down_name, up_name) = (format!("{module}.lora_down.weight"), format!("{module}.lora_up.weight"));
        // Uniform within ±1/√inputs: PyTorch's kaiming_uniform with a = √5, which kohya's scripts use.
        let down = RandomSource::new(seed).tensor(part, &down_name, &down_shape)?.f_to_device(device)?;
        let up = Tensor::f_zeros(&up_shape, (down.kind(), device))?;
        let (down, up) = (down.f_set_requires_grad(true)?, up.f_set_requires_grad(true)?);
        let tensors = vec![(down_name, down.shallow_clone()), (up_name, up.shallow_clone())];
        Ok((Self { down, up, scale: alpha / rank as f64 }, tensors))
    }

    /// `[.., inputs]` to `[.., outputs]`.
    pub(super) fn forward(&self, x: &Tensor) -> Tensor {
        let matrix = |weight: &Tensor| weight.flatten(1, -1).to_kind(x.kind());
        let narrow = x.linear(&matrix(&self.down), None::<Tensor>) * self.scale;
        narrow.linear(&matrix(&self.up), None::<Tensor>)
    }
}

/// kohya's name of the layer at diffusers' `path`.
fn module_name(part: Part, path: &str) -> String {
    let network = match part {
        Part::TextEncoder => "te",
        Part::Unet => "unet",
        Part::Vae => "vae",
    };
    format!("lora_{network}_{}", path.replace('.', "_"))
}
