//! What `tools/goldens/adamw_8bit.py` recorded, and the tensors that it recorded with, made anew.

use std::collections::HashMap;
use std::path::Path;

use engine::tch::Tensor;

pub(crate) type Tensors = HashMap<String, Tensor>;

pub(crate) fn goldens() -> Tensors {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/adamw_8bit.safetensors");
    Tensor::read_safetensors(path).unwrap().into_iter().collect()
}

/// The gradients of the recorder, made anew as it says.
pub(crate) fn gradient(name: &str, step: u32, size: u32) -> Vec<f32> {
    let salt = step * 7919 + 104_729 * u32::try_from(name.len()).unwrap();
    let number = |place: u32| {
        let mixed = (place + salt).wrapping_mul(2_654_435_761);
        let mixed = (mixed ^ (mixed >> 15)).wrapping_mul(2_246_822_519);
        let mantissa = i32::try_from((mixed ^ (mixed >> 13)) % 4096).unwrap() - 2048;
        let exponent = i32::try_from(12 + (place * 40503) % 65536 % 23).unwrap();
        if name == "ragged" && place + 512 >= size { 0.0 } else { mantissa as f32 * 2.0_f32.powi(-exponent) }
    };
    (0..size).map(number).collect()
}

/// The weights before the first step.
pub(crate) fn start(name: &str, size: u32) -> Vec<f32> {
    gradient(name, 0, size).into_iter().map(|number| number * 0.125 + 0.0625).collect()
}
