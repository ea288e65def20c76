//! libtorch's own fused AdamW, which tch does not bind, through libtorch's stable C interface to any operator.

use std::error::Error;
use std::ffi::{CStr, c_char, c_void};
use std::ptr;

use engine::tch::{Kind, Tensor};

type Handle = *mut c_void;

// torch/csrc/inductor/aoti_torch/c/shim.h and torch/csrc/stable/c/shim.h. Every argument of an operator is 8 bytes.
unsafe extern "C" {
    fn aoti_torch_new_tensor_handle(tensor: *const c_void, handle: *mut Handle) -> i32;
    fn torch_new_list_reserve_size(size: usize, list: *mut Handle) -> i32;
    fn torch_list_push_back(list: Handle, element: u64) -> i32;
    fn aoti_torch_call_dispatcher(name: *const c_char, overload: *const c_char, arguments: *mut u64) -> i32;
}

const NAME: &CStr = c"aten::_fused_adamw_";

/// Tensors as `_fused_adamw_` takes them.
pub(crate) struct FusedAdamW {
    weights: Vec<Tensor>,
    gradients: Vec<Tensor>,
    moments: [Vec<Tensor>; 2],
    steps: Vec<Tensor>,
}

impl FusedAdamW {
    pub(crate) fn new(weights: Vec<Tensor>, gradients: Vec<Tensor>) -> Self {
        let zeros = || weights.iter().map(Tensor::zeros_like).collect();
        let step = |weight: &Tensor| Tensor::zeros([], (Kind::Float, weight.device()));
        let (moments, steps) = ([zeros(), zeros()], weights.iter().map(step).collect());
        Self { weights, gradients, moments, steps }
    }

    pub(crate) fn step(&mut self, lr: f64) -> Result<(), Box<dyn Error>> {
        for step in &mut self.steps {
            let _ = step.f_add_scalar_(1)?;
        }
        let [exp_avg, exp_avg_sq] = &self.moments;
        let mut arguments = [
            list(&self.weights)?,
            list(&self.gradients)?,
            list(exp_avg)?,
            list(exp_avg_sq)?,
            list(&[])?, // only AMSGrad has more
            list(&self.steps)?,
            lr.to_bits(),
            0.9_f64.to_bits(),
            0.999_f64.to_bits(),
            0.01_f64.to_bits(),
            1e-8_f64.to_bits(),
            0, // no AMSGrad
            0, // minimize
            0, // no scale of gradients
            0, // nor a record of infinite ones
        ];
        // SAFETY: as many arguments as the operator has, of its types; it takes the lists over.
        check(unsafe { aoti_torch_call_dispatcher(NAME.as_ptr(), c"".as_ptr(), arguments.as_mut_ptr()) })
    }
}

/// A list that the operator will own, with new handles to the tensors.
fn list(tensors: &[Tensor]) -> Result<u64, Box<dyn Error>> {
    let mut list = ptr::null_mut();
    // SAFETY: the place that is written to outlives the call.
    check(unsafe { torch_new_list_reserve_size(tensors.len(), &raw mut list) })?;
    for tensor in tensors {
        let mut handle = ptr::null_mut();
        // SAFETY: a handle is a pointer to an `at::Tensor`, as tch's is, and the list owns the new one.
        check(unsafe { aoti_torch_new_tensor_handle(tensor.as_ptr().cast(), &raw mut handle) })?;
        // SAFETY: the list was made right here.
        check(unsafe { torch_list_push_back(list, handle as u64) })?;
    }
    Ok(list as u64)
}

fn check(code: i32) -> Result<(), Box<dyn Error>> {
    if code == 0 { Ok(()) } else { Err("libtorch refused its fused AdamW; the reason stands above.".into()) }
}
