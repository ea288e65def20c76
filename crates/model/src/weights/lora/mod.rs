//! Low-rank adapters (Hu et al., 2021, <https://arxiv.org/abs/2106.09685>): W + multiplier · alpha/rank · up·down.
//!
//! - [`LoraModule`]: the change of one layer; [`Lora`]: those of a whole model, each with the weight that it changes
//! - `targets`: which layer a module's name means; `keys`: the spellings of names that are in use; `numbered`: files that
//!   only count their layers
//! - `read`: a file becomes a [`Lora`]; [`write_lora`]: a file that AUTOMATIC1111, ComfyUI and diffusers load
//! - [`Merged`]: a source of weights with adapters added when they are read

mod keys;
mod merged;
mod numbered;
mod read;
mod targets;
mod write;

use engine::tch::{Kind, Tensor};

pub use merged::{Merged, Multipliers};
pub use write::write_lora;

use super::TensorSpec;
use crate::config::ModelConfig;
use crate::error::{ModelError, Result};
use targets::Targets;

/// The change of one layer.
#[derive(Debug)]
pub struct LoraModule {
    name: String,
    down: Tensor,
    up: Tensor,
    alpha: f64,
}

impl LoraModule {
    /// The module that kohya calls `name` (`lora_unet_down_blocks_0_attentions_0_proj_in`), of `down`, `[rank, inputs]` or
    /// `[rank, inputs, kernel, kernel]`, and `up`, `[outputs, rank]` or `[outputs, rank, 1, 1]`.
    ///
    /// # Errors
    /// When the two do not fit each other, or `alpha` is no number.
    pub fn new(name: String, down: &Tensor, up: &Tensor, alpha: f64) -> Result<Self> {
        let (inner, outer) = (down.size(), up.size());
        let fits = match (inner.as_slice(), outer.as_slice()) {
            ([rank, _], [_, other]) | ([rank, _, _, _], [_, other, 1, 1]) => rank == other && *rank > 0,
            _ => false,
        };
        let floats = [down, up].iter().all(|tensor| tensor.is_floating_point());
        if !(fits && floats && alpha.is_finite()) {
            return Err(ModelError::Lora {
                name,
                reason: format!("its down {inner:?}, up {outer:?} and alpha {alpha} make no change of a layer"),
            });
        }
        Ok(Self { name, down: down.f_detach()?, up: up.f_detach()?, alpha })
    }

    /// The modules of a trained network's adapter, whose tensors are called as kohya's modules with `.lora_down.weight` and
    /// `.lora_up.weight` behind.
    ///
    /// # Errors
    /// When one of a pair is missing, or as [`Self::new`].
    pub fn of_adapter(tensors: &[(String, Tensor)], alpha: f64) -> Result<Vec<Self>> {
        let find = |name: &str| tensors.iter().find(|(other, _)| other == name).map(|(_, tensor)| tensor);
        let downs = tensors.iter().filter_map(|(name, down)| Some((name.strip_suffix(write::DOWN)?, down)));
        let module = |(name, down): (&str, &Tensor)| {
            let up = find(&format!("{name}{}", write::UP));
            let up = up.ok_or_else(|| ModelError::NotTrained(format!("{name}{}", write::UP)))?;
            Self::new(name.to_owned(), down, up, alpha)
        };
        downs.map(module).collect()
    }

    /// kohya's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many directions the change has.
    #[must_use]
    pub fn rank(&self) -> i64 {
        self.down.size().first().copied().unwrap_or(1)
    }

    /// What the change is divided by the rank for: at `alpha` = rank it counts once.
    #[must_use]
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// alpha/rank · up·down in f32, `[outputs, inputs · kernel²]`, where the tensors live.
    ///
    /// # Errors
    /// When memory is short.
    pub fn change(&self) -> Result<Tensor> {
        let matrix = |tensor: &Tensor| tensor.f_to_kind(Kind::Float)?.f_flatten(1, -1);
        let product = matrix(&self.up)?.f_matmul(&matrix(&self.down)?)?;
        Ok(product.f_mul_scalar(self.alpha / self.rank() as f64)?)
    }

    /// Outputs, and inputs with the kernel.
    fn sides(&self) -> (i64, i64) {
        let outputs = self.up.size().first().copied().unwrap_or(0);
        (outputs, self.down.size().iter().skip(1).product())
    }

    fn shallow_clone(&self) -> Self {
        let (down, up) = (self.down.shallow_clone(), self.up.shallow_clone());
        Self { name: self.name.clone(), down, up, alpha: self.alpha }
    }
}

/// The changes of the layers of one model.
#[derive(Debug)]
pub struct Lora {
    /// Each with the weight that it changes.
    modules: Vec<(TensorSpec, LoraModule)>,
    left_out: Vec<String>,
}

impl Lora {
    /// `modules` for a model of this configuration.
    ///
    /// # Errors
    /// When one has no layer in such a model, or the layer has other sizes.
    pub fn new(config: &ModelConfig, modules: Vec<LoraModule>) -> Result<Self> {
        let targets = Targets::new(config)?;
        let resolve = |module: LoraModule| {
            let spec = targets.find(module.name()).ok_or_else(|| ModelError::Lora {
                name: module.name.clone(),
                reason: "this model has no such layer; it was made for another base model".to_owned(),
            })?;
            fits(spec, &module)?;
            Ok((spec.clone(), module))
        };
        let modules = modules.into_iter().map(resolve).collect::<Result<_>>()?;
        Ok(Self { modules, left_out: Vec::new() })
    }

    /// The modules, each behind the weight that it changes.
    #[must_use]
    pub fn modules(&self) -> &[(TensorSpec, LoraModule)] {
        &self.modules
    }

    /// Names of what the file holds for no layer of this model, sorted: modules of other networks, or embeddings.
    #[must_use]
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }
}

/// Whether the module changes a weight of this shape.
fn fits(spec: &TensorSpec, module: &LoraModule) -> Result<()> {
    let (outputs, inputs) = (spec.shape.first().copied().unwrap_or(0), spec.shape.iter().skip(1).product::<i64>());
    if module.sides() == (outputs, inputs) {
        return Ok(());
    }
    let (found_outputs, found_inputs) = module.sides();
    Err(ModelError::Lora {
        name: module.name.clone(),
        reason: format!(
            "it changes a layer of {found_inputs} inputs and {found_outputs} outputs, but this model's has {inputs} and \
             {outputs}; it was made for another base model"
        ),
    })
}
