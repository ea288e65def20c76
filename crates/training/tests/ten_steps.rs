//! Ten steps of both stages against PyTorch and diffusers: losses, gradient norms, learning rates and weights.
//!
//! The recording (`goldens/steps.safetensors`, diffusers 0.36.0 and torch 2.11.0) trains the tiny model on one batch of
//! two with given noise: AdamW, base rate 1e-3 with the linear schedule, clipping to norm 1.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::path::Path;

use engine::tch::{Device, Kind, Tensor};
use model::base::BaseModel;
use model::{TextEncoder, UNet};
use protocol::{LrScheduler, Stage};
use training::batches::Batches;
use training::latents::{Distribution, LatentCache};
use training::lr_schedule::LearningRate;
use training::noise::{NoiseSource, StepNoise, Streams};
use training::stage::{StageLoop, StepRecord};

const STEPS: u64 = 10;

/// The gradients' bound of 1e-3 relative, which ten steps carry into losses and norms, is kept with room: f32 against f64
/// differs by 1e-5 here.
const TOLERANCE: f64 = 1e-4;

/// A weight moves by at most the sum of the rates, 5.5e-3; a hundredth of a hundredth of that.
const WEIGHT_TOLERANCE: f64 = 1e-5;

fn read(path: &Path) -> HashMap<String, Tensor> {
    Tensor::read_safetensors(path).unwrap().into_iter().collect()
}

fn crate_file(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The recorded batch. The loop shuffles its two images anew each epoch; noise, timesteps and ids go with their image.
#[derive(Debug)]
struct Recording {
    tensors: HashMap<String, Tensor>,
    batches: Batches,
}

impl Recording {
    fn open() -> Self {
        let tensors = read(&crate_file("../model/tests/goldens/gradients.safetensors"));
        Self { tensors, batches: Batches::new(Streams::new(1), 2, 2) }
    }

    fn in_order_of(&self, name: &str, batch: &[usize]) -> Tensor {
        let order: Vec<i64> = batch.iter().map(|item| *item as i64).collect();
        self.tensors[name].index_select(0, &Tensor::from_slice(&order))
    }

    fn latents(&self) -> LatentCache {
        let latent = |item| {
            let mean = self.tensors["latents"].get(item);
            vec![Distribution { std: mean.zeros_like(), mean }]
        };
        LatentCache::new(vec![latent(0), latent(1)])
    }
}

impl NoiseSource for Recording {
    fn draw(&self, step: u64, shape: &[i64]) -> StepNoise {
        let batch = self.batches.batch(step);
        StepNoise {
            posterior: Tensor::ones(shape, (Kind::Float, Device::Cpu)),
            noise: self.in_order_of("noise", &batch),
            timesteps: self.in_order_of("timesteps", &batch),
            crop_choices: vec![0.0; batch.len()],
        }
    }
}

/// Trains `parameters` and compares each step, and the named weights after the first and the last, with the case.
fn train_as_recorded(case: &str, text: &TextEncoder, unet: &UNet, parameters: &[Tensor], base: &BaseModel) {
    let recording = Recording::open();
    let goldens = read(&crate_file("tests/goldens/steps.safetensors"));
    let parameters: Vec<Tensor> = parameters.iter().map(|tensor| tensor.set_requires_grad(true)).collect();
    let steps = StageLoop {
        stage: Stage::Unet,
        steps: STEPS,
        learning_rate: LearningRate { base: 1e-3, scheduler: LrScheduler::Linear },
        schedule: &base.schedule(),
        latents: &recording.latents(),
        batches: recording.batches.clone(),
        noise: &recording,
        device: Device::Cpu,
        compute: Kind::Float,
    };
    let predict = |noisy: &Tensor, timesteps: &Tensor, batch: &[usize]| {
        unet.forward(noisy, timesteps, &text.forward(&recording.in_order_of("ids", batch), Kind::Float))
    };
    let weights = |step: u64| {
        let mut compared = 0;
        for (network, parameters) in [("unet", unet.parameters()), ("text", text.parameters())] {
            for (name, tensor) in parameters {
                let Some(expected) = goldens.get(&format!("{case}.after_{step}.{network}.{name}")) else { continue };
                let error = (tensor.detach() - expected).abs().max().double_value(&[]);
                assert!(error < WEIGHT_TOLERANCE, "{case}, step {step}, {network}.{name}: {error}");
                compared += 1;
            }
        }
        assert!(compared > 0, "{case} records no weights after step {step}");
    };
    let mut records: Vec<StepRecord> = Vec::new();
    let done = |record: StepRecord| {
        if record.step == 1 || record.step == STEPS {
            weights(record.step);
        }
        records.push(record);
    };
    steps.run(&parameters, &predict, done).unwrap();

    for (column, value) in [
        ("loss", (|record| record.loss) as fn(&StepRecord) -> f64),
        ("grad_norm", |record| record.gradient_norm),
        ("lr", |record| record.learning_rate),
    ] {
        let expected = &goldens[&format!("{case}.{column}")];
        for (step, record) in records.iter().enumerate() {
            let expected = expected.double_value(&[step as i64]);
            let error = (value(record) - expected).abs() / expected;
            assert!(error < TOLERANCE, "{case}, step {step}, {column}: {} instead of {expected}", value(record));
        }
    }
}

fn tiny() -> BaseModel {
    let folder = crate_file("../model/tests/goldens/tiny");
    BaseModel::open(&folder.display().to_string().parse().unwrap()).unwrap()
}

fn tensors(parameters: &[(String, Tensor)]) -> Vec<Tensor> {
    parameters.iter().map(|(_, tensor)| tensor.shallow_clone()).collect()
}

#[test]
fn ten_steps_of_the_unet_stage_are_those_of_pytorch() {
    let base = tiny();
    let text = base.text_encoder(Device::Cpu, Kind::Float).unwrap();
    let unet = base.unet(Device::Cpu, Kind::Float).unwrap();
    train_as_recorded("unet_stage", &text, &unet, &tensors(unet.parameters()), &base);
}

#[test]
fn ten_steps_of_the_joint_text_stage_are_those_of_pytorch() {
    let base = tiny();
    let text = base.text_encoder(Device::Cpu, Kind::Float).unwrap();
    let unet = base.unet(Device::Cpu, Kind::Float).unwrap();
    let both = [tensors(unet.parameters()), tensors(text.parameters())].into_iter().flatten().collect::<Vec<_>>();
    train_as_recorded("text_stage", &text, &unet, &both, &base);
}
