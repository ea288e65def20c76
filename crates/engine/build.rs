//! Compiles the small C++ extension against the headers of the libtorch that torch-sys linked.

#[path = "build/headers.rs"]
mod headers;

use std::env;
use std::path::PathBuf;

/// The files of the extension.
const SOURCES: [&str; 16] = [
    "adamw",
    "adamw_8bit",
    "adamw_8bit_avx2",
    "adamw_8bit_avx512",
    "adamw_8bit_kernel",
    "adamw_kernel",
    "checkpoint",
    "cuda_optimizers",
    "dynamic_map",
    "ema",
    "grad_norm",
    "gradients",
    "libtorch",
    "memory",
    "sum_of_squares",
    "vectorised",
];

fn main() {
    println!("cargo:rerun-if-changed=cpp");
    println!("cargo:rerun-if-changed=build");
    println!("cargo:rerun-if-env-changed=LIBTORCH_CXX11_ABI");

    // torch-sys has found libtorch already, through LIBTORCH or Python's torch; its headers lie beside its libraries.
    let lib = env::var_os("DEP_TCH_LIBTORCH_LIB").map(PathBuf::from);
    let lib = lib.expect("torch-sys tells where libtorch's libraries are");
    let include = lib.parent().expect("libtorch's libraries lie in a folder of libtorch").join("include");
    headers::check(&include).unwrap_or_else(|sentence| panic!("{sentence}"));
    let abi = env::var("LIBTORCH_CXX11_ABI").unwrap_or_else(|_| "1".to_owned());
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .include(&include)
        .define("_GLIBCXX_USE_CXX11_ABI", abi.as_str())
        .warnings(false)
        .opt_level(3)
        // The same bits on every x86-64: no fused multiply-add, whatever the processor has. And square roots are an instruction,
        // not a call that may set errno.
        .flag("-ffp-contract=off")
        .flag("-fno-math-errno")
        .flag("-fno-trapping-math")
        .debug(false)
        .files(SOURCES.map(|name| format!("cpp/{name}.cpp")))
        .compile("dreambooth_engine");
    println!("cargo:rustc-link-search=native={}", lib.display());
    println!("cargo:rustc-link-lib=torch_cpu");
    println!("cargo:rustc-link-lib=c10");
}
