//! AdamW with decoupled weight decay (Loshchilov and Hutter, 2019), fused over all parameters.

use tch::{Kind, Tensor};

use crate::error::Result;
use crate::ffi;

/// The constants of [`AdamW`]; the defaults are torch's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamWSettings {
    /// Decay of the mean of gradients.
    pub beta1: f64,
    /// Decay of the mean of squared gradients.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Each step multiplies weights by 1 − lr · `weight_decay` first.
    pub weight_decay: f64,
}

impl Default for AdamWSettings {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.01 }
    }
}

/// The optimizer and its state: two f32 numbers a weight, made when a parameter first has a gradient.
///
/// It holds shallow copies of the parameters, so a step changes the weights of the networks that own them.
#[derive(Debug)]
pub struct AdamW {
    parameters: Vec<Tensor>,
    /// As many as parameters; `None` until the first gradient.
    moments: Vec<Option<Moments>>,
    settings: AdamWSettings,
}

/// What [`AdamW`] knows of one parameter; f32, on the parameter's device. The next step changes these tensors in place.
#[derive(Debug)]
pub struct Moments {
    /// Decayed mean of gradients, of the parameter's shape.
    pub exp_avg: Tensor,
    /// Decayed mean of squared gradients, of the parameter's shape.
    pub exp_avg_sq: Tensor,
    /// Steps taken, a scalar, as the fused kernel wants it.
    pub step: Tensor,
}

impl Moments {
    fn zero(parameter: &Tensor) -> Result<Self> {
        let parameter = parameter.f_detach()?;
        Ok(Self {
            exp_avg: parameter.f_zeros_like()?,
            exp_avg_sq: parameter.f_zeros_like()?,
            step: Tensor::f_zeros([], (Kind::Float, parameter.device()))?,
        })
    }
}

impl AdamW {
    /// An optimizer of these parameters, before its first step.
    #[must_use]
    pub fn new(parameters: Vec<Tensor>, settings: AdamWSettings) -> Self {
        let moments = parameters.iter().map(|_| None).collect();
        Self { parameters, moments, settings }
    }

    /// One step at learning rate `lr`, over the parameters that have a gradient.
    ///
    /// # Errors
    /// When memory for the state is short, or libtorch refuses the dtype or device of a tensor.
    pub fn step(&mut self, lr: f64) -> Result<()> {
        let mut gradients = Vec::with_capacity(self.parameters.len());
        let mut stepped = Vec::with_capacity(self.parameters.len());
        for (index, parameter) in self.parameters.iter().enumerate() {
            let gradient = parameter.f_grad()?;
            if gradient.defined() {
                if self.moments[index].is_none() {
                    self.moments[index] = Some(Moments::zero(parameter)?);
                }
                gradients.push(gradient);
                stepped.push(index);
            }
        }
        if stepped.is_empty() {
            return Ok(());
        }
        let moments: Vec<&Moments> = stepped.iter().filter_map(|&index| self.moments[index].as_ref()).collect();
        let parameter_pointers = ffi::pointers(stepped.iter().map(|&index| &self.parameters[index]));
        let gradient_pointers = ffi::pointers(&gradients);
        let exp_avgs = ffi::pointers(moments.iter().map(|moment| &moment.exp_avg));
        let exp_avg_sqs = ffi::pointers(moments.iter().map(|moment| &moment.exp_avg_sq));
        let steps = ffi::pointers(moments.iter().map(|moment| &moment.step));
        let AdamWSettings { beta1, beta2, eps, weight_decay } = self.settings;
        // SAFETY: five arrays of `stepped.len()` pointers to tensors that `self` and `gradients` keep alive; `&mut
        // self` keeps other users of this state away while the kernel writes.
        unsafe {
            let message = ffi::engine_fused_adamw(
                parameter_pointers.as_ptr(),
                gradient_pointers.as_ptr(),
                exp_avgs.as_ptr(),
                exp_avg_sqs.as_ptr(),
                steps.as_ptr(),
                stepped.len(),
                lr,
                beta1,
                beta2,
                eps,
                weight_decay,
            );
            ffi::check("the AdamW step", message)
        }
    }

    /// Forgets all gradients and frees their memory.
    pub fn zero_grad(&mut self) {
        let pointers = ffi::pointers(&self.parameters);
        // SAFETY: pointers to tensors that `self` keeps alive; what is dropped is libtorch's own reference.
        let dropped = unsafe {
            let message = ffi::engine_drop_gradients(pointers.as_ptr(), pointers.len());
            ffi::check("dropping gradients", message)
        };
        debug_assert!(dropped.is_ok(), "dropping a reference cannot fail: {dropped:?}");
    }

    /// The state, one entry for each parameter in the order they were given; `None` until its first gradient.
    pub fn moments(&self) -> &[Option<Moments>] {
        &self.moments
    }

    /// The parameters, in the order they were given.
    pub fn parameters(&self) -> &[Tensor] {
        &self.parameters
    }
}
