//! The optimizers' kernels, loaded once a GPU.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::sync::{Mutex, PoisonError};

use libc::c_int;

use super::driver::{Context, Current, Driver};
use super::nvrtc::compile_optimizers;
use crate::error::{EngineError, Result};
use crate::ffi::{self, EngineCudaKernel};
use crate::optimizer::BlockSize;

/// The codewords of both maps, and the two tables by which the nearest one is found, as in `dynamic_map.h`.
const CODEWORDS: usize = 2 * 256;
const NEAREST: usize = 2 * (23 * 128 + 1);

/// What is loaded for one GPU.
pub(crate) struct Kernels {
    context: Context,
    index: usize,
    pub(crate) adamw: EngineCudaKernel,
    adamw_8bit_256: EngineCudaKernel,
    adamw_8bit_2048: EngineCudaKernel,
}

// SAFETY: handles of the driver, which any thread may launch while the context is its own.
unsafe impl Send for Kernels {}
// SAFETY: as above.
unsafe impl Sync for Kernels {}

impl Kernels {
    fn load(index: usize) -> std::result::Result<Self, String> {
        let driver = Driver::get()?;
        let device = c_int::try_from(index).map_err(|error| error.to_string())?;
        let context = Context::of(driver, device)?;
        let machine = compile_optimizers(context.capability()?)?;
        let module = context.load(&machine)?;
        let current = context.enter()?;
        let kernel = |name: &CStr| {
            let function = module.function(name)?;
            Ok::<_, String>(EngineCudaKernel { launch: driver.launch, function, device })
        };
        let (adamw, adamw_8bit_256, adamw_8bit_2048) =
            (kernel(c"adamw")?, kernel(c"adamw_8bit_256")?, kernel(c"adamw_8bit_2048")?);
        let (mut codewords, mut nearest) = ([0_f32; CODEWORDS], [0_u32; NEAREST]);
        // SAFETY: as many places as there are numbers; cuda_optimizers.cpp holds the count against the tables.
        unsafe { ffi::engine_dynamic_maps(codewords.as_mut_ptr(), nearest.as_mut_ptr()) };
        module.write(c"DYNAMIC_CODEWORDS", &codewords)?;
        module.write(c"DYNAMIC_NEAREST", &nearest)?;
        drop(current);
        Ok(Self { context, index, adamw, adamw_8bit_256, adamw_8bit_2048 })
    }

    /// The kernel for quantisation blocks of this size.
    pub(crate) fn adamw_8bit(&self, block_size: BlockSize) -> &EngineCudaKernel {
        match block_size {
            BlockSize::Elements256 => &self.adamw_8bit_256,
            BlockSize::Elements2048 => &self.adamw_8bit_2048,
        }
    }

    /// Makes the GPU's context this thread's own for a launch: a thread that has not used the GPU before has none.
    pub(crate) fn enter(&self) -> Result<Current> {
        self.context.enter().map_err(|reason| EngineError::NoKernels { index: self.index, reason })
    }
}

/// The kernels of GPU `index`; the first call compiles them, which takes a second. A failure is remembered, too.
pub(crate) fn kernels(index: usize) -> Result<&'static Kernels> {
    /// Never freed: a module stays in the process.
    static LOADED: Mutex<BTreeMap<usize, &'static std::result::Result<Kernels, String>>> = Mutex::new(BTreeMap::new());
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let kernels = *loaded.entry(index).or_insert_with(|| Box::leak(Box::new(Kernels::load(index))));
    kernels.as_ref().map_err(|reason| EngineError::NoKernels { index, reason: reason.clone() })
}
