//! What the child sees of its supervisor's environment: what its libraries need, and nothing that could be a secret. Tokens,
//! keys and the service's own settings are not on the list, whatever their names.

use std::ffi::OsString;

/// What libraries of the child read before its first line runs; the operator's own values win.
pub const ENVIRONMENT: [(&str, &str); 2] = [
    // The child shares its cores: threads of libgomp that spin while they wait would slow the others down.
    ("OMP_WAIT_POLICY", "passive"),
    // libtorch asks for huge pages, which spares gigabytes of weights most of their page faults.
    ("THP_MEM_ALLOC_ENABLE", "1"),
];

/// Variables that are passed on.
const NAMES: [&str; 16] = [
    // The system: where programs, libraries, temporary files, the language and the time zone are.
    "PATH",
    "HOME",
    "TMPDIR",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    // The allocator and its huge pages.
    "GLIBC_TUNABLES",
    "THP_MEM_ALLOC_ENABLE",
    // Where libtorch lies.
    "LIBTORCH",
    // What is written to the log.
    "RUST_LOG",
    "RUST_BACKTRACE",
    "RUST_LIB_BACKTRACE",
    "NO_COLOR",
];

/// Beginnings of variables that are passed on: threads, kernels and devices of the tensor engine.
const PREFIXES: [&str; 17] = [
    "OMP_",
    "GOMP_",
    "KMP_",
    "MKL_",
    "DNNL_",
    "ONEDNN_",
    "OPENBLAS_",
    "ATEN_",
    "TORCH_",
    "PYTORCH_",
    "CUDA_",
    "CUDNN_",
    "CUBLAS_",
    "NVIDIA_",
    "NCCL_",
    "MALLOC_",
    "MIMALLOC_",
];

/// True for a variable that the child may see.
pub fn is_passed_on(name: &str) -> bool {
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// The child's environment, from the supervisor's.
pub fn child_environment(own: impl Iterator<Item = (OsString, OsString)>) -> Vec<(OsString, OsString)> {
    let mut passed_on: Vec<_> = own.filter(|(name, _)| name.to_str().is_some_and(is_passed_on)).collect();
    for (name, value) in ENVIRONMENT {
        if !passed_on.iter().any(|(given, _)| given == name) {
            passed_on.push((name.into(), value.into()));
        }
    }
    passed_on
}
