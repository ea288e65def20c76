//! An optimizer leaves the same bits in vectors of every width.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use engine::tch::{Device, Kind, Tensor};
use engine::{
    AdamW, AdamW8bit, AdamW8bitSettings, AdamWSettings, BlockSize, Clip, Optimizer, Parameter, ProcessorCapability,
    processor_capability,
};

/// Where a process writes what it computed; set by the test for its own children alone.
const FINGERPRINT_FILE: &str = "WIDTHS_FINGERPRINT_FILE";

/// Several pieces, and a last block that no width divides.
const SIZE: u32 = 70_011;

/// Numbers from 1e-12 to 10 with either sign, zeros among them and, in the block from 4096, what overflows.
fn number(place: u32, salt: u32) -> f32 {
    let mixed = (place + salt).wrapping_mul(2_654_435_761);
    let mixed = (mixed ^ (mixed >> 15)).wrapping_mul(2_246_822_519);
    let mantissa = i32::try_from((mixed ^ (mixed >> 13)) % 8192).unwrap() - 4096;
    let exponent = i32::try_from(9 + mixed % 31).unwrap();
    match place {
        4100 => f32::NAN,
        4200 => f32::INFINITY,
        4300 => -0.0,
        4301 => f32::MIN_POSITIVE / 4.0,
        _ => mantissa as f32 * 2.0_f32.powi(-exponent),
    }
}

fn numbers(salt: u32) -> Tensor {
    Tensor::from_slice(&(0..SIZE).map(|place| number(place, salt)).collect::<Vec<_>>())
}

fn parameters() -> Vec<Parameter> {
    let master = Tensor::ones([i64::from(SIZE)], (Kind::Float, Device::Cpu));
    let shadow = master.to_kind(Kind::BFloat16).set_requires_grad(true);
    let plain = Parameter::new("plain".to_owned(), master.copy().set_requires_grad(true));
    vec![plain, Parameter::with_shadow("shadowed".to_owned(), master, shadow).unwrap()]
}

fn optimizers() -> Vec<Box<dyn Optimizer>> {
    let packed = |block_size| {
        let settings = AdamW8bitSettings { block_size, ..AdamW8bitSettings::default() };
        Box::new(AdamW8bit::new(parameters(), settings)) as Box<dyn Optimizer>
    };
    let whole = Box::new(AdamW::new(parameters(), AdamWSettings::default()));
    vec![whole, packed(BlockSize::Elements256), packed(BlockSize::Elements2048)]
}

/// Every bit of weights and state after four steps, added up by place.
fn fingerprint() -> String {
    let mut text = String::new();
    for mut optimizer in optimizers() {
        for step in 0..4 {
            for parameter in optimizer.parameters() {
                let gradient = numbers(step * 7919).to_kind(parameter.leaf().kind());
                (parameter.leaf() * gradient).sum(parameter.leaf().kind()).backward();
            }
            let clip = Clip { norm: Tensor::from(1.0_f32), coefficient: Tensor::from(0.37_f32) };
            optimizer.step(1e-3, &clip).unwrap();
            optimizer.zero_grad();
        }
        let mut left = optimizer.state();
        for parameter in optimizer.parameters() {
            left.push((format!("master.{}", parameter.name()), parameter.master().shallow_clone()));
            left.push((format!("leaf.{}", parameter.name()), parameter.leaf().detach()));
        }
        for (name, tensor) in left {
            text += &format!("{name} {:016x}\n", sum_of_bits(&tensor));
        }
    }
    text
}

/// FNV-1a over the bytes. All NaNs count as one: libtorch itself makes gradients of bf16 with another NaN in each width.
fn sum_of_bits(tensor: &Tensor) -> u64 {
    let tensor = tensor.nan_to_num(1e9, f64::INFINITY, f64::NEG_INFINITY);
    let mut bytes = vec![0; tensor.numel() * tensor.kind().elt_size_in_bytes()];
    tensor.contiguous().copy_data_u8(&mut bytes, tensor.numel());
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, &byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Runs this test alone in a process whose libtorch, and so the engine, uses no wider vectors; it then only writes the file.
fn fingerprint_with(capability: &str, file: &Path) -> String {
    let test = "weights_and_state_have_the_same_bits_in_vectors_of_every_width";
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", test])
        .envs([("ATEN_CPU_CAPABILITY", capability)])
        .env(FINGERPRINT_FILE, file)
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
    fs::read_to_string(file).unwrap()
}

#[test]
fn weights_and_state_have_the_same_bits_in_vectors_of_every_width() {
    if let Some(file) = env::var_os(FINGERPRINT_FILE) {
        return fs::write(file, fingerprint()).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let here = fingerprint();
    for (capability, needed) in [
        ("default", ProcessorCapability::Baseline),
        ("avx2", ProcessorCapability::Avx2),
        ("avx512", ProcessorCapability::Avx512),
    ] {
        if processor_capability() >= needed && processor_capability() != ProcessorCapability::Other {
            assert_eq!(fingerprint_with(capability, &folder.path().join(capability)), here, "{capability}");
        }
    }
}
