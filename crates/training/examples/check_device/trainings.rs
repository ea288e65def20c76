//! Whole trainings of the tiny model of the tests, photos to losses: on the device, and on the CPU.

use engine::Precision;
use engine::tch::Device;
use serde_json::{Value, json};

use crate::support::Workshop;
use crate::{Finding, Setting};

/// The losses of all steps of both stages.
fn losses(device: Device, precision: Precision, changes: &Value) -> Vec<f64> {
    let mut workshop = Workshop::new();
    (workshop.device, workshop.precision) = (device, precision);
    workshop.trained(changes).report.stages.iter().flat_map(|stage| stage.losses.clone()).collect()
}

/// The largest relative difference of a loss.
fn compared(setting: &Setting, precision: Precision, changes: &Value, allowed: f64) -> Finding {
    let found = losses(setting.device, precision, changes);
    let expected = losses(Device::Cpu, Precision::Fp32, changes);
    assert_eq!(found.len(), expected.len());
    let errors = found.iter().zip(&expected).map(|(found, expected)| (found / expected - 1.0).abs());
    let error = errors.fold(0.0, |most: f64, error| if error.is_nan() { error } else { most.max(error) });
    Finding { error, allowed, notes: json!({"found": found, "expected": expected}) }
}

pub(crate) fn plain(setting: &Setting) -> Finding {
    compared(setting, Precision::Fp32, &json!({}), setting.tolerance(0.0, 5e-3))
}

pub(crate) fn adam_8_bit(setting: &Setting) -> Finding {
    let changes = json!({"unet_8_bit_adam": true, "text_8_bit_adam": true, "unet_epochs": 3});
    compared(setting, Precision::Fp32, &changes, setting.tolerance(0.0, 5e-3))
}

pub(crate) fn checkpointing(setting: &Setting) -> Finding {
    let changes = json!({"gradient_checkpointing": true});
    compared(setting, Precision::Fp32, &changes, setting.tolerance(0.0, 5e-3))
}

/// Both devices round factors to 8 bits here, and the CPU's f32 is what they should come to.
pub(crate) fn lora_in_bf16(setting: &Setting) -> Finding {
    compared(setting, Precision::Bf16, &json!({"network": "lora"}), 5e-2)
}
