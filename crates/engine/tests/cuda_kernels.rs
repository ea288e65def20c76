//! The kernels for a GPU compute the bits of the CPU's: their text is compiled for the CPU, with CUDA's threads and barriers played by
//! `cuda_on_cpu.h`. This holds the arithmetic, the walk over the tensors and the barriers; not the GPU.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cuda_on_cpu;
mod recorder;

use std::collections::HashMap;

use cuda_on_cpu::{KernelsOnCpu, OwnWeights, Packed, Whole, bits_16, numbers};
use engine::tch::{Kind, Tensor};
use engine::{
    AdamW, AdamW8bit, AdamW8bitSettings, AdamWSettings, BlockSize, Clip, Generator, Optimizer, Parameter, Philox,
};

const SETTINGS: AdamWSettings = AdamWSettings { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.01 };

/// Every gradient counts this often.
const COEFFICIENT: f32 = 0.37;

fn clip() -> Clip {
    Clip { norm: Tensor::from(1.0_f32), coefficient: Tensor::from(COEFFICIENT) }
}

/// 1 − lr · `weight_decay`, 1 − β1, β2, 1 − β2, lr / (1 − β1ᵏ), √(1 − β2ᵏ), ε.
fn adamw_constants(lr: f64, step: i32) -> [f32; 7] {
    let AdamWSettings { beta1, beta2, eps, weight_decay } = SETTINGS;
    let (mean, square) = (1.0 - beta1.powf(f64::from(step)), 1.0 - beta2.powf(f64::from(step)));
    [1.0 - lr * weight_decay, 1.0 - beta1, beta2, 1.0 - beta2, lr / mean, square.sqrt(), eps]
        .map(|number| number as f32)
}

/// β1, 1 − β1, β2, 1 − β2, lr · √(1 − β2ᵏ) / (1 − β1ᵏ), ε · √(1 − β2ᵏ), 1 − lr · `weight_decay`.
fn adamw_8bit_constants(lr: f64, step: i32) -> [f32; 7] {
    let AdamWSettings { beta1, beta2, eps, weight_decay } = SETTINGS;
    let (mean, square) = (1.0 - beta1.powf(f64::from(step)), (1.0 - beta2.powf(f64::from(step))).sqrt());
    [beta1, 1.0 - beta1, beta2, 1.0 - beta2, lr * square / mean, eps * square, 1.0 - lr * weight_decay]
        .map(|number| number as f32)
}

/// A weight of this many numbers that a network computes with in f32 or bf16.
fn parameter(index: usize, size: i64, has_shadow: bool) -> Parameter {
    let master = Philox::new(index as u64).normal(&[size]);
    let name = index.to_string();
    if has_shadow {
        let leaf = master.to_kind(Kind::BFloat16).set_requires_grad(true);
        Parameter::with_shadow(name, master, leaf).unwrap()
    } else {
        Parameter::new(name, master.set_requires_grad(true))
    }
}

/// Gradients of very different sizes, zeros and a whole tensor of zeros among them.
fn gradient(parameter: &Parameter, index: usize, step: i32) -> Tensor {
    let size = parameter.master().size();
    let mut random = Philox::new(1000 * step as u64 + index as u64);
    let gradient = random.normal(&size) * (random.normal(&size) * 4.0).exp() * 1e-4;
    let gradient = gradient * random.normal(&size).gt(-1.0).to_kind(Kind::Float);
    let gradient = if index % 7 == 3 { gradient.zeros_like() } else { gradient };
    gradient.to_kind(parameter.leaf().kind())
}

/// Differentiates the product, whose gradient is exactly the one given.
fn set_gradient(parameter: &Parameter, gradient: &Tensor) {
    (parameter.leaf() * gradient).sum(gradient.kind()).backward();
}

fn same_bits(what: &str, index: usize, found: &[f32], expected: &Tensor) {
    let expected = numbers(expected);
    let differing = found.iter().zip(&expected).position(|(found, expected)| found.to_bits() != expected.to_bits());
    assert_eq!((found.len(), differing), (expected.len(), None), "{what} of tensor {index}");
}

fn same_weights(index: usize, found: &OwnWeights, expected: &Parameter) {
    same_bits("master", index, &found.master, expected.master());
    if let Some(shadow) = &found.shadow {
        assert!(*shadow == bits_16(expected.leaf()), "the shadow of tensor {index}");
    }
}

/// Sizes around those of slices and pieces, in more tensors than one launch takes.
fn sizes() -> impl Iterator<Item = i64> {
    [1, 31, 256, 257, 2047, 2048, 2049, 4100, 10_001].into_iter().cycle().take(48)
}

#[test]
fn adamw_is_the_cpus_for_gradients_and_shadows_of_either_width() {
    let Some(kernels) = KernelsOnCpu::compiled() else { return };
    let parameters: Vec<_> = sizes().enumerate().map(|(index, size)| parameter(index, size, index % 2 == 1)).collect();
    let own = |parameter: &Parameter| Whole::new(OwnWeights::new(parameter.master(), parameter.has_shadow()));
    let mut found: Vec<Whole> = parameters.iter().map(own).collect();
    let mut optimizer = AdamW::new(parameters, SETTINGS);
    for step in 1..=2 {
        for (index, (parameter, found)) in optimizer.parameters().iter().zip(&mut found).enumerate() {
            let gradient = gradient(parameter, index, step);
            set_gradient(parameter, &gradient);
            found.weights.set_gradient(&gradient);
        }
        let lr = 1e-3 / f64::from(step);
        optimizer.step(lr, &clip()).unwrap();
        optimizer.zero_grad();
        let launches = kernels.adamw(&mut found, COEFFICIENT, adamw_constants(lr, step));
        assert_eq!(launches, 2, "48 tensors fit into the arguments of two launches");
    }
    let state: HashMap<String, Tensor> = optimizer.state().into_iter().collect();
    for (index, (found, expected)) in found.iter().zip(optimizer.parameters()).enumerate() {
        same_weights(index, &found.weights, expected);
        same_bits("exp_avg", index, &found.exp_avg, &state[&format!("exp_avg.{index}")]);
        same_bits("exp_avg_sq", index, &found.exp_avg_sq, &state[&format!("exp_avg_sq.{index}")]);
    }
}

#[test]
fn adamw_with_8_bit_state_is_the_cpus_in_blocks_of_either_size() {
    let Some(kernels) = KernelsOnCpu::compiled() else { return };
    for block_size in [BlockSize::Elements256, BlockSize::Elements2048] {
        let block = block_size.elements();
        // Only tensors of 4096 weights and more are packed.
        let sizes = [4096, 4097, 4351, 4352, 6145].into_iter().cycle().take(41);
        let parameters: Vec<_> =
            sizes.enumerate().map(|(index, size)| parameter(index, size, index % 2 == 1)).collect();
        let own = |parameter: &Parameter| {
            Packed::new(OwnWeights::new(parameter.master(), parameter.has_shadow()), block as usize)
        };
        let mut found: Vec<Packed> = parameters.iter().map(own).collect();
        let mut optimizer = AdamW8bit::new(parameters, AdamW8bitSettings { adamw: SETTINGS, block_size });
        for step in 1..=2 {
            for (index, (parameter, found)) in optimizer.parameters().iter().zip(&mut found).enumerate() {
                let gradient = gradient(parameter, index, step);
                set_gradient(parameter, &gradient);
                found.weights.set_gradient(&gradient);
            }
            let lr = 1e-3 / f64::from(step);
            optimizer.step(lr, &clip()).unwrap();
            optimizer.zero_grad();
            let launches = kernels.adamw_8bit(&mut found, COEFFICIENT, block as i32, adamw_8bit_constants(lr, step));
            assert_eq!(launches, 2, "41 tensors fit into the arguments of two launches");
        }
        let state: HashMap<String, Tensor> = optimizer.state().into_iter().collect();
        for (index, (found, expected)) in found.iter().zip(optimizer.parameters()).enumerate() {
            same_weights(index, &found.weights, expected);
            for (moment, (codes, absmax)) in [("exp_avg", &found.exp_avg), ("exp_avg_sq", &found.exp_avg_sq)] {
                let expected = Vec::<u8>::try_from(&state[&format!("{moment}_codes.{index}")]).unwrap();
                assert!(*codes == expected, "the codes of {moment} of tensor {index} in blocks of {block}");
                same_bits(moment, index, absmax, &state[&format!("{moment}_absmax.{index}")]);
            }
        }
    }
}

#[test]
fn adamw_with_8_bit_state_leaves_what_bitsandbytes_leaves() {
    let Some(kernels) = KernelsOnCpu::compiled() else { return };
    let goldens = recorder::goldens();
    let tensors = [("ragged", 5001), ("whole", 4096)];
    for block in [256, 2048] {
        let own = |(name, size): (&str, u32)| {
            Packed::new(OwnWeights::new(&Tensor::from_slice(&recorder::start(name, size)), false), block as usize)
        };
        let mut found = tensors.map(own);
        for step in 1..=10 {
            for ((name, size), found) in tensors.into_iter().zip(&mut found) {
                found.weights.set_gradient(&Tensor::from_slice(&recorder::gradient(name, step as u32, size)));
            }
            kernels.adamw_8bit(&mut found, 1.0, block, adamw_8bit_constants(1e-3, step));
        }
        for (index, ((name, _), found)) in tensors.into_iter().zip(&found).enumerate() {
            let recorded = |what: &str| &goldens[&format!("exact.{block}.10.{what}.{name}")];
            for (moment, (codes, absmax)) in [("exp_avg", &found.exp_avg), ("exp_avg_sq", &found.exp_avg_sq)] {
                let expected = Vec::<u8>::try_from(recorded(&format!("{moment}_codes"))).unwrap();
                assert!(*codes == expected, "the codes of {moment} of {name} in blocks of {block}");
                same_bits(moment, index, absmax, recorded(&format!("{moment}_absmax")));
            }
        }
    }
}
