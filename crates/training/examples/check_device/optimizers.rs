//! The optimizers: recorded bits, and the CPU's bits. Here an error is how many numbers differ, and none may.

use std::collections::HashMap;

use engine::tch::{Device, Kind, Tensor};
use engine::{
    AdamW, AdamW8bit, AdamW8bitSettings, AdamWSettings, BlockSize, Clip, Generator, Optimizer, Parameter, Philox,
};
use serde_json::{Value, json};

use crate::{Finding, Setting};

#[path = "../../../engine/tests/recorder/mod.rs"]
#[allow(dead_code, reason = "the fixtures are read from the folder that was given")]
mod recorder;

type Tensors = HashMap<String, Tensor>;
type MakeOptimizer = fn(Vec<Parameter>) -> Box<dyn Optimizer>;

const STEPS: u32 = 10;

pub(crate) fn bits_of_256(setting: &Setting) -> Finding {
    recorded_bits(setting, BlockSize::Elements256)
}

pub(crate) fn bits_of_2048(setting: &Setting) -> Finding {
    recorded_bits(setting, BlockSize::Elements2048)
}

pub(crate) fn f32_gradients(setting: &Setting) -> Finding {
    bits_of_the_cpu(setting, Kind::Float, |parameters| Box::new(AdamW::new(parameters, AdamWSettings::default())))
}

pub(crate) fn bf16_gradients(setting: &Setting) -> Finding {
    bits_of_the_cpu(setting, Kind::BFloat16, |parameters| Box::new(AdamW::new(parameters, AdamWSettings::default())))
}

pub(crate) fn bf16_gradients_8_bit(setting: &Setting) -> Finding {
    bits_of_the_cpu(setting, Kind::BFloat16, |parameters| {
        Box::new(AdamW8bit::new(parameters, AdamW8bitSettings::default()))
    })
}

fn clip(coefficient: f32, device: Device) -> Clip {
    let on_device = |number: f32| Tensor::from(number).to_device(device);
    Clip { norm: on_device(1.0), coefficient: on_device(coefficient) }
}

fn set_gradient(parameter: &Parameter, gradient: &Tensor) {
    (parameter.leaf() * gradient).sum(gradient.kind()).backward();
}

/// State and weights, on the CPU, by name.
fn state(optimizer: &dyn Optimizer) -> Tensors {
    let mut state: Tensors = optimizer.state().into_iter().collect();
    for parameter in optimizer.parameters() {
        state.insert(format!("weights.{}", parameter.name()), parameter.master().shallow_clone());
        state.insert(format!("leaf.{}", parameter.name()), parameter.leaf().detach());
    }
    state.into_iter().map(|(name, tensor)| (name, tensor.to_device(Device::Cpu))).collect()
}

/// How many numbers of the two differ, by name.
fn compared(found: &Tensors, expected: &Tensors) -> Finding {
    let mut notes = serde_json::Map::<String, Value>::new();
    let mut differing = 0;
    for (name, expected) in expected {
        let number = found[name].not_equal_tensor(expected).sum(Kind::Int64).int64_value(&[]);
        if number > 0 {
            notes.insert(name.clone(), json!(number));
        }
        differing += number;
    }
    Finding { error: differing as f64, allowed: 0.0, notes: json!({"compared": expected.len(), "differing": notes}) }
}

fn recorded_bits(setting: &Setting, block_size: BlockSize) -> Finding {
    let block = block_size.elements();
    let prefix = format!("exact.{block}.{STEPS}.");
    let recorded = setting.fixture("engine/tests/goldens/adamw_8bit.safetensors");
    let recorded =
        recorded.into_iter().filter_map(|(name, tensor)| Some((name.strip_prefix(&prefix)?.to_owned(), tensor)));
    let recorded: Tensors = recorded.map(|(name, tensor)| (name, tensor.to_device(Device::Cpu))).collect();
    assert_eq!(recorded.len(), 8);

    let tensor = |numbers: &[f32]| Tensor::from_slice(numbers).to_device(setting.device);
    let sizes = [("ragged", 5001), ("whole", 4096)];
    let parameters = sizes.map(|(name, size)| {
        Parameter::new(name.to_owned(), tensor(&recorder::start(name, size)).set_requires_grad(true))
    });
    let settings = AdamW8bitSettings { block_size, ..AdamW8bitSettings::default() };
    let mut optimizer = AdamW8bit::new(parameters.into(), settings);
    for step in 1..=STEPS {
        for (parameter, (name, size)) in optimizer.parameters().iter().zip(sizes) {
            set_gradient(parameter, &tensor(&recorder::gradient(name, step, size)));
        }
        optimizer.step(1e-3, &clip(1.0, setting.device)).unwrap();
        optimizer.zero_grad();
    }
    compared(&state(&optimizer), &recorded)
}

/// Fifty tensors, more than one launch takes, of sizes around those of pieces and blocks.
fn random_steps(device: Device, kind: Kind, make: MakeOptimizer) -> Tensors {
    let sizes = [1, 257, 2048, 4096, 4097, 10_001, 100_000].into_iter().cycle().take(50);
    let parameter = |(index, size): (usize, i64)| {
        let master = Philox::new(index as u64).normal(&[size]).to_device(device);
        let name = index.to_string();
        if kind == Kind::BFloat16 {
            let leaf = master.to_kind(kind).set_requires_grad(true);
            Parameter::with_shadow(name, master, leaf).unwrap()
        } else {
            Parameter::new(name, master.set_requires_grad(true))
        }
    };
    let mut optimizer = make(sizes.enumerate().map(parameter).collect());
    for step in 1..=STEPS {
        for (index, parameter) in optimizer.parameters().iter().enumerate() {
            let gradient = Philox::new(u64::from(1000 * step) + index as u64).normal(&parameter.master().size()) * 1e-3;
            set_gradient(parameter, &gradient.to_kind(kind).to_device(device));
        }
        optimizer.step(1e-3 / f64::from(step), &clip(0.37, device)).unwrap();
        optimizer.zero_grad();
    }
    state(optimizer.as_ref())
}

fn bits_of_the_cpu(setting: &Setting, kind: Kind, make: MakeOptimizer) -> Finding {
    compared(&random_steps(setting.device, kind, make), &random_steps(Device::Cpu, kind, make))
}
