//! Compiles the small C++ extension against the headers of the libtorch that torch-sys linked.

#[path = "build/headers.rs"]
mod headers;

use std::env;
use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-changed=cpp/extension.cpp");
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
        .opt_level(2)
        .debug(false)
        .file("cpp/extension.cpp")
        .compile("dreambooth_engine");
    println!("cargo:rustc-link-search=native={}", lib.display());
    println!("cargo:rustc-link-lib=torch_cpu");
    println!("cargo:rustc-link-lib=c10");
}
