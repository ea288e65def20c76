//! Computes on a device what the tests compute on the CPU, and compares: `check_device DEVICE CRATES`, such as
//! `check_device cuda:0 crates`. `CRATES` is the folder with the recorded fixtures.
//!
//! Prints a JSON line a check and one about the device; ends with 1 when a check failed. `tools/check_gpu.sh` runs it where a GPU is.
#![allow(clippy::unwrap_used, reason = "a check fails by panicking")]
#![allow(clippy::print_stdout, reason = "the answers are this program's result")]

mod gradients;
mod optimizers;
#[path = "../../tests/support/mod.rs"]
mod support;
mod trainings;

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;

use engine::tch::{Device, Kind, Tensor};
use engine::{DeviceChoice, cuda, open_device};
use serde_json::{Value, json};

/// What is compared where.
struct Setting {
    device: Device,
    /// The folder of the crates, whose tests have the fixtures.
    crates: PathBuf,
}

impl Setting {
    /// A recorded file, as tensors on the device.
    fn fixture(&self, path: &str) -> Vec<(String, Tensor)> {
        let tensors = Tensor::read_safetensors(self.crates.join(path)).unwrap();
        tensors.into_iter().map(|(name, tensor)| (name, tensor.to_device(self.device))).collect()
    }

    /// `exact` on the CPU; on a GPU `rounded`, for cuDNN computes convolutions in TF32, which keeps 10 bits of a factor.
    fn tolerance(&self, exact: f64, rounded: f64) -> f64 {
        if self.device.is_cuda() { rounded } else { exact }
    }
}

/// How far apart something was, and how far it may be.
struct Finding {
    error: f64,
    allowed: f64,
    notes: Value,
}

/// The largest difference relative to the largest number; NaN where something is.
fn relative_error(found: &Tensor, expected: &Tensor) -> f64 {
    assert_eq!(found.size(), expected.size());
    let on_cpu = |tensor: &Tensor| tensor.detach().to_device(Device::Cpu).to_kind(Kind::Double);
    let (found, expected) = (on_cpu(found), on_cpu(expected));
    let scale = expected.abs().max().double_value(&[]).max(f64::MIN_POSITIVE);
    (found - expected).abs().max().double_value(&[]) / scale
}

type Check = fn(&Setting) -> Finding;

const CHECKS: [(&str, Check); 11] = [
    ("8-bit AdamW leaves the recorded bits in blocks of 256", optimizers::bits_of_256),
    ("8-bit AdamW leaves the recorded bits in blocks of 2048", optimizers::bits_of_2048),
    ("AdamW has the CPU's bits with f32 gradients", optimizers::f32_gradients),
    ("AdamW has the CPU's bits with bf16 gradients and shadows", optimizers::bf16_gradients),
    ("8-bit AdamW has the CPU's bits with bf16 gradients and shadows", optimizers::bf16_gradients_8_bit),
    ("prediction, loss and gradients are those of the reference in f32", gradients::in_f32),
    ("the loss is that of the reference in bf16", gradients::in_bf16),
    ("a training has the CPU's losses", trainings::plain),
    ("a training with 8-bit AdamW has the CPU's losses", trainings::adam_8_bit),
    ("a training with checkpointing has the CPU's losses", trainings::checkpointing),
    ("a training of a LoRA in bf16 has the losses of f32 on the CPU", trainings::lora_in_bf16),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [device, crates] = arguments.as_slice() else {
        println!("usage: check_device DEVICE CRATES");
        return ExitCode::FAILURE;
    };
    let opened = device.parse().and_then(|choice: DeviceChoice| open_device(choice));
    let device = match opened {
        Ok(device) => device,
        Err(error) => {
            println!("{}", json!({"ok": false, "error": error.to_string()}));
            return ExitCode::FAILURE;
        }
    };
    let setting = Setting { device, crates: crates.into() };
    let kernels = cuda::prepare(setting.device).map_or_else(|error| error.to_string(), |()| "ready".to_owned());
    println!("{}", json!({"device": engine::device_name(setting.device), "kernels": kernels}));
    let passed = CHECKS.map(|(name, check)| passes(name, check, &setting));
    ExitCode::from(u8::from(passed.contains(&false)))
}

/// Runs one check; a panic in it fails it alone.
fn passes(name: &str, check: Check, setting: &Setting) -> bool {
    let finding = catch_unwind(AssertUnwindSafe(|| check(setting)));
    let Ok(Finding { error, allowed, notes }) = finding else {
        println!("{}", json!({"check": name, "ok": false, "error": "it panicked"}));
        return false;
    };
    let ok = error <= allowed;
    println!("{}", json!({"check": name, "ok": ok, "error": error, "allowed": allowed, "notes": notes}));
    ok
}
