//! What an optimizer trains: masters in f32, and the leaves that networks compute with.

use tch::{Kind, Tensor};

use crate::error::{EngineError, Result};
use crate::ffi;
use crate::gradients::no_grad;

/// One trained tensor: the f32 master that the optimizer changes, and the leaf that the network computes with and that
/// gathers the gradient.
///
/// The leaf may be the master itself, or its bf16 *shadow*: at small learning rates an update is below the spacing of bf16
/// around a typical weight, so the sum is kept in f32, and each update writes what it comes to into the shadow.
/// Both are shallow copies of tensors that a network may hold: a step changes them in place.
#[derive(Debug)]
pub struct Parameter {
    name: String,
    master: Tensor,
    leaf: Tensor,
}

impl Parameter {
    /// An f32 leaf that is its own master. `name` is what its optimizer state is called by.
    #[must_use]
    pub fn new(name: String, leaf: Tensor) -> Self {
        Self { name, master: leaf.detach(), leaf }
    }

    /// A bf16 leaf that is rewritten from `master` (f32, of the same shape and layout) here and by each update; its gradient
    /// is bf16.
    ///
    /// # Errors
    /// When dtypes, shapes, layouts or devices do not fit together.
    pub fn with_shadow(name: String, master: Tensor, leaf: Tensor) -> Result<Self> {
        let unfit = |problem: String| Err(EngineError::UnfitShadow { name: name.clone(), problem });
        if (master.kind(), leaf.kind()) != (Kind::Float, Kind::BFloat16) {
            return unfit(format!("it is {:?} and its master {:?}", leaf.kind(), master.kind()));
        }
        if master.size() != leaf.size() || master.stride() != leaf.stride() {
            return unfit(format!("it is {:?} and its master {:?}", leaf.size(), master.size()));
        }
        if master.device() != leaf.device() {
            return unfit(format!("it is on {:?} and its master on {:?}", leaf.device(), master.device()));
        }
        let parameter = Self { name, master, leaf };
        parameter.rewrite_shadow()?;
        Ok(parameter)
    }

    /// What its optimizer state is called by.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The weights in f32, detached. Write to them through [`Self::load`], which keeps a shadow in step.
    pub fn master(&self) -> &Tensor {
        &self.master
    }

    /// What the network computes with.
    pub fn leaf(&self) -> &Tensor {
        &self.leaf
    }

    /// Whether the leaf is a bf16 copy of the master.
    #[must_use]
    pub fn has_shadow(&self) -> bool {
        self.leaf.kind() == Kind::BFloat16
    }

    /// The gradient that the last backward passes gathered, in the leaf's dtype.
    pub fn gradient(&self) -> Option<Tensor> {
        self.leaf.f_grad().ok().filter(Tensor::defined)
    }

    /// The gradient as kernels take it, which walk memory and not indices: laid out as the master.
    pub(crate) fn laid_out_gradient(&self) -> Result<Option<Tensor>> {
        let Some(gradient) = self.gradient() else { return Ok(None) };
        // Sides of length 1 have strides that say nothing.
        let layout = |tensor: &Tensor| {
            let sides = tensor.size().into_iter().zip(tensor.stride());
            sides.map(|(side, stride)| (side, if side == 1 { 0 } else { stride })).collect::<Vec<_>>()
        };
        if layout(&gradient) == layout(&self.master) {
            return Ok(Some(gradient));
        }
        let mut laid_out = no_grad(|| self.leaf.f_empty_like())?;
        no_grad(|| laid_out.f_copy_(&gradient))?;
        Ok(Some(laid_out))
    }

    /// Takes over `weights` (of the same shape, any dtype and device) as the master, in place, and rewrites the shadow.
    ///
    /// # Errors
    /// When the shapes differ.
    pub fn load(&self, weights: &Tensor) -> Result<()> {
        if weights.size() != self.master.size() {
            let (found, expected) = (weights.size(), self.master.size());
            return Err(EngineError::UnfitState { name: self.name.clone(), found, expected });
        }
        no_grad(|| self.master.shallow_clone().f_copy_(weights))?;
        if self.has_shadow() { self.rewrite_shadow() } else { Ok(()) }
    }

    /// Forgets the gradients of `parameters` and frees their memory.
    pub(crate) fn drop_gradients(parameters: &[Self]) {
        let pointers = ffi::pointers(parameters.iter().map(Self::leaf));
        // SAFETY: pointers to tensors that `parameters` keeps alive; what is dropped is libtorch's own reference.
        let dropped = unsafe {
            let message = ffi::engine_drop_gradients(pointers.as_ptr(), pointers.len());
            ffi::check("dropping gradients", message)
        };
        debug_assert!(dropped.is_ok(), "dropping a reference cannot fail: {dropped:?}");
    }

    fn rewrite_shadow(&self) -> Result<()> {
        no_grad(|| self.leaf.f_detach()?.f_copy_(&self.master))?;
        Ok(())
    }
}
