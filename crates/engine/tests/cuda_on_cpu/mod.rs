//! The kernels of `cpp/optimizers.cu`, compiled for the CPU and run there.

use std::env;
use std::ffi::{CStr, CString};
use std::io::Write;
use std::mem;
use std::path::Path;
use std::process::Command;

use engine::tch::{Kind, Tensor};

/// As in `optimizer_table.h`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Weights {
    master: *mut f32,
    shadow: *mut u16,
    gradient: *const u16,
    count: i64,
    bf16_gradient: i32,
    first_piece: i32,
}

#[repr(C)]
struct AdamWEntry {
    weights: Weights,
    exp_avg: *mut f32,
    exp_avg_sq: *mut f32,
    constants: [f32; 7],
}

#[repr(C)]
struct AdamW8bitEntry {
    weights: Weights,
    exp_avg_codes: *mut u8,
    exp_avg_absmax: *mut f32,
    exp_avg_sq_codes: *mut u8,
    exp_avg_sq_absmax: *mut f32,
    constants: [f32; 7],
}

type RunAdamW = unsafe extern "C" fn(*const AdamWEntry, usize, *const f32) -> i32;
type RunAdamW8bit = unsafe extern "C" fn(*const AdamW8bitEntry, usize, *const f32, i32) -> i32;

/// The functions of `kernels.cpp`.
pub(crate) struct KernelsOnCpu {
    adamw: RunAdamW,
    adamw_8bit: RunAdamW8bit,
}

impl KernelsOnCpu {
    /// Compiles them; none, and a line that says so, where there is no C++ compiler.
    pub(crate) fn compiled() -> Option<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("libkernels_on_cpu.so");
        let compiler = env::var_os("CXX").unwrap_or_else(|| "c++".into());
        let compiling = Command::new(&compiler)
            .args(["-std=c++17", "-O2", "-ffp-contract=off", "-fPIC", "-shared", "-I"])
            .arg(root.join("cpp"))
            .arg(root.join("tests/cuda_on_cpu/kernels.cpp"))
            .arg(root.join("cpp/dynamic_map.cpp"))
            .arg("-o")
            .arg(&library)
            .output();
        let Ok(compiled) = compiling else {
            let compiler = compiler.display();
            writeln!(std::io::stdout().lock(), "skipped: there is no C++ compiler called {compiler}").unwrap();
            return None;
        };
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        let library = CString::new(library.as_os_str().as_encoded_bytes()).unwrap();
        // SAFETY: a library without initialisers that do anything, never closed; the types are those of kernels.cpp.
        unsafe {
            let handle = libc::dlopen(library.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL);
            assert!(!handle.is_null());
            let function = |name: &CStr| {
                let address = libc::dlsym(handle, name.as_ptr());
                assert!(!address.is_null());
                address
            };
            Some(Self {
                adamw: mem::transmute::<*mut libc::c_void, RunAdamW>(function(c"run_adamw")),
                adamw_8bit: mem::transmute::<*mut libc::c_void, RunAdamW8bit>(function(c"run_adamw_8bit")),
            })
        }
    }

    /// One step of all `tensors`; how many launches it takes on a GPU.
    pub(crate) fn adamw(&self, tensors: &mut [Whole], coefficient: f32, constants: [f32; 7]) -> i32 {
        let entry = |tensor: &mut Whole| AdamWEntry {
            weights: tensor.weights.entry(),
            exp_avg: tensor.exp_avg.as_mut_ptr(),
            exp_avg_sq: tensor.exp_avg_sq.as_mut_ptr(),
            constants,
        };
        let entries: Vec<_> = tensors.iter_mut().map(entry).collect();
        // SAFETY: the vectors behind the entries outlive the call and have a number for each weight.
        unsafe { (self.adamw)(entries.as_ptr(), entries.len(), &raw const coefficient) }
    }

    /// The same with 8-bit state.
    pub(crate) fn adamw_8bit(&self, tensors: &mut [Packed], coefficient: f32, block: i32, constants: [f32; 7]) -> i32 {
        let entry = |tensor: &mut Packed| AdamW8bitEntry {
            weights: tensor.weights.entry(),
            exp_avg_codes: tensor.exp_avg.0.as_mut_ptr(),
            exp_avg_absmax: tensor.exp_avg.1.as_mut_ptr(),
            exp_avg_sq_codes: tensor.exp_avg_sq.0.as_mut_ptr(),
            exp_avg_sq_absmax: tensor.exp_avg_sq.1.as_mut_ptr(),
            constants,
        };
        let entries: Vec<_> = tensors.iter_mut().map(entry).collect();
        // SAFETY: as above, and a scale for each block.
        unsafe { (self.adamw_8bit)(entries.as_ptr(), entries.len(), &raw const coefficient, block) }
    }
}

/// Weights in memory of the test's own; 16-bit numbers are bits, and so is a gradient of either width.
pub(crate) struct OwnWeights {
    pub(crate) master: Vec<f32>,
    pub(crate) shadow: Option<Vec<u16>>,
    gradient: Vec<u16>,
}

impl OwnWeights {
    pub(crate) fn new(master: &Tensor, has_shadow: bool) -> Self {
        let master = numbers(master);
        Self { shadow: has_shadow.then(|| vec![0; master.len()]), gradient: Vec::new(), master }
    }

    /// f32, or bf16 for weights with a shadow.
    pub(crate) fn set_gradient(&mut self, gradient: &Tensor) {
        self.gradient = bits_16(gradient);
    }

    fn entry(&mut self) -> Weights {
        let bf16_gradient = i32::from(self.gradient.len() == self.master.len());
        Weights {
            master: self.master.as_mut_ptr(),
            shadow: self.shadow.as_mut().map_or(std::ptr::null_mut(), Vec::as_mut_ptr),
            gradient: self.gradient.as_ptr(),
            count: self.master.len() as i64,
            bf16_gradient,
            first_piece: -1,
        }
    }
}

/// Weights and their moments, all zero at first.
pub(crate) struct Whole {
    pub(crate) weights: OwnWeights,
    pub(crate) exp_avg: Vec<f32>,
    pub(crate) exp_avg_sq: Vec<f32>,
}

impl Whole {
    pub(crate) fn new(weights: OwnWeights) -> Self {
        let zeros = vec![0.0; weights.master.len()];
        Self { weights, exp_avg: zeros.clone(), exp_avg_sq: zeros }
    }
}

/// Weights and their moments as codes and scales, all zero at first.
pub(crate) struct Packed {
    pub(crate) weights: OwnWeights,
    pub(crate) exp_avg: (Vec<u8>, Vec<f32>),
    pub(crate) exp_avg_sq: (Vec<u8>, Vec<f32>),
}

impl Packed {
    pub(crate) fn new(weights: OwnWeights, block: usize) -> Self {
        let count = weights.master.len();
        let moment = (vec![0; count], vec![0.0; count.div_ceil(block)]);
        Self { weights, exp_avg: moment.clone(), exp_avg_sq: moment }
    }
}

pub(crate) fn numbers(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.detach().flatten(0, -1)).unwrap()
}

/// The bits of a tensor, 16 at a time.
pub(crate) fn bits_16(tensor: &Tensor) -> Vec<u16> {
    let halves = tensor.detach().flatten(0, -1).contiguous().view_dtype(Kind::Int16);
    Vec::<i16>::try_from(halves).unwrap().into_iter().map(i16::cast_unsigned).collect()
}
