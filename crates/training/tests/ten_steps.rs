//! Ten steps of both stages against PyTorch and diffusers: losses, gradient norms, learning rates, weights and moments.
//!
//! The recording (`goldens/steps.safetensors`, diffusers 0.36.0 and torch 2.11.0, in float64) trains the tiny model on one
//! batch of two with given noise: AdamW, base rate 1e-3 with the linear schedule, clipping to norm 1.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::path::Path;

use engine::tch::{Device, Kind, Tensor};
use engine::{AdamW, Parameter};
use model::base::BaseModel;
use model::{TextEncoder, UNet};
use protocol::{LrScheduler, Stage};
use training::batches::Batches;
use training::latents::{Distribution, LatentCache};
use training::loss::LossRule;
use training::lr_schedule::LearningRate;
use training::noise::{NoiseSource, StepNoise, Streams};
use training::stage::{ADAMW, StagePlan, StageState, StepRecord, Trainee};

const STEPS: u64 = 10;

/// Relative. f32 against float64 differs by 4e-7 in the losses of ten steps, by 7e-6 in the norms.
const LOSS_TOLERANCE: f64 = 1e-5;
const NORM_TOLERANCE: f64 = 1e-4;

/// A weight moves by at most the sum of the rates, 5.5e-3. Adam divides a gradient by its own size, so where it is as small
/// as its rounding, the step is part noise: f32 against float64 differs by up to 5e-6 in the weights that are followed.
const WEIGHT_TOLERANCE: f64 = 1e-5;

/// Of a moment's largest element. The first step's are the gradient's, exact to 1e-5; the weights' noise then makes other
/// gradients of the following steps: up to 2e-4.
const FIRST_MOMENTS_TOLERANCE: f64 = 1e-4;
const MOMENTS_TOLERANCE: f64 = 1e-3;

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
        let batch = self.batches.batch(step).images;
        StepNoise {
            posterior: Tensor::ones(shape, (Kind::Float, Device::Cpu)),
            noise: self.in_order_of("noise", &batch),
            timesteps: self.in_order_of("timesteps", &batch),
            crop_choices: vec![0.0; batch.len()],
            mirrored: vec![false; batch.len()],
        }
    }
}

/// The largest difference; NaN where something is.
fn difference(found: &Tensor, expected: &Tensor) -> f64 {
    assert_eq!(found.size(), expected.size());
    (found.detach() - expected).abs().max().double_value(&[])
}

/// The recorded states of one case: weights and moments after some steps.
struct States {
    case: &'static str,
    goldens: HashMap<String, Tensor>,
    /// Names as recorded, `unet.…` and `text.…`, in the optimizer's order.
    names: Vec<String>,
    compared: usize,
}

impl States {
    /// Compares what is recorded after `step`.
    fn compare(&mut self, step: u64, state: &StageState) {
        let kept: HashMap<String, Tensor> = state.state().into_iter().collect();
        for name in &self.names {
            for (recorded, ours) in [("after", "master"), ("exp_avg", "exp_avg"), ("exp_avg_sq", "exp_avg_sq")] {
                let key = format!("{}.{recorded}_{step}.{name}", self.case);
                let Some(expected) = self.goldens.get(&key) else { continue };
                let scale = expected.abs().max().double_value(&[]);
                let allowed = match (recorded, step) {
                    ("after", _) => WEIGHT_TOLERANCE,
                    (_, 1) => FIRST_MOMENTS_TOLERANCE * scale,
                    _ => MOMENTS_TOLERANCE * scale,
                };
                let error = difference(&kept[&format!("both.{ours}.{name}")], expected);
                assert!(error <= allowed, "{key}: {error:e}, more than {allowed:e}");
                self.compared += 1;
            }
        }
    }

    fn assert_all_were_compared(&self) {
        let is_state =
            |key: &&String| key.starts_with(self.case) && key.contains("_stage.") && key.matches('.').count() > 2;
        let recorded = self.goldens.keys().filter(is_state).count();
        assert!(recorded > 100, "{} records {recorded} states", self.case);
        assert_eq!(self.compared, recorded, "{}", self.case);
    }
}

/// Trains the named parameters and compares each step with the case.
fn train_as_recorded(case: &'static str, text: &TextEncoder, unet: &UNet, parameters: &[(String, Tensor)]) {
    let (recording, base) = (Recording::open(), tiny());
    let goldens = read(&crate_file("tests/goldens/steps.safetensors"));
    let plan = StagePlan {
        stage: Stage::Unet,
        steps: STEPS,
        schedule: &base.schedule(),
        latents: &recording.latents(),
        batches: recording.batches.clone(),
        noise: &recording,
        loss: LossRule::default(),
        accumulation: 1,
        device: Device::Cpu,
        compute: Kind::Float,
    };
    let predict = |noisy: &Tensor, timesteps: &Tensor, batch: &[usize]| {
        unet.forward(noisy, timesteps, &text.forward(&recording.in_order_of("ids", batch), Kind::Float))
    };
    let names = parameters.iter().map(|(name, _)| name.clone()).collect();
    let mut states = States { case, goldens, names, compared: 0 };
    let mut state = learning(parameters, LearningRate { base: 1e-3, scheduler: LrScheduler::Linear });
    let mut records: Vec<StepRecord> = Vec::new();
    while state.position().step < STEPS {
        records.push(state.step(&plan, &predict).unwrap().read(&plan, 1e-3).unwrap());
        states.compare(state.position().step, &state);
    }
    states.assert_all_were_compared();

    let recorded = |column: &str, step: &[i64]| states.goldens[&format!("{case}.{column}")].double_value(step);
    let close = |column: &str, found: f64, expected: f64, tolerance: f64| {
        assert!((found - expected).abs() <= tolerance * expected, "{case}, {column}: {found} instead of {expected}");
    };
    assert_eq!(records.len() as u64, STEPS);
    for record in &records {
        let step = [record.step as i64 - 1];
        close("loss", record.loss, recorded("loss", &step), LOSS_TOLERANCE);
        close("grad_norm", record.gradient_norm, recorded("grad_norm", &step), NORM_TOLERANCE);
        close("lr", record.learning_rate, recorded("lr", &step), 1e-12);
    }
    // A step at rate 0 changes nothing and tells the loss.
    let mut still = learning(parameters, LearningRate { base: 0.0, scheduler: LrScheduler::Linear });
    let record = still.step(&plan, &predict).unwrap().read(&plan, 0.0).unwrap();
    close("final_loss", record.loss, recorded("final_loss", &[]), LOSS_TOLERANCE);
}

/// A stage of ten steps that trains these weights together.
fn learning(parameters: &[(String, Tensor)], learning_rate: LearningRate) -> StageState {
    let parameter = |(name, tensor): &(String, Tensor)| Parameter::new(name.clone(), tensor.set_requires_grad(true));
    let optimizer = Box::new(AdamW::new(parameters.iter().map(parameter).collect(), ADAMW));
    StageState::new(vec![Trainee { name: "both", optimizer, learning_rate, steps: STEPS, ema: None }])
}

fn named(network: &str, parameters: &[(String, Tensor)]) -> Vec<(String, Tensor)> {
    parameters.iter().map(|(name, tensor)| (format!("{network}.{name}"), tensor.shallow_clone())).collect()
}

fn tiny() -> BaseModel {
    let folder = crate_file("../model/tests/goldens/tiny");
    BaseModel::open(&folder.display().to_string().parse().unwrap()).unwrap()
}

#[test]
fn ten_steps_of_the_unet_stage_are_those_of_pytorch() {
    let base = tiny();
    let text = base.text_encoder(Device::Cpu, Kind::Float).unwrap();
    let unet = base.unet(Device::Cpu, Kind::Float).unwrap();
    train_as_recorded("unet_stage", &text, &unet, &named("unet", unet.parameters()));
}

#[test]
fn ten_steps_of_the_joint_text_stage_are_those_of_pytorch() {
    let base = tiny();
    let text = base.text_encoder(Device::Cpu, Kind::Float).unwrap();
    let unet = base.unet(Device::Cpu, Kind::Float).unwrap();
    let both = named("unet", unet.parameters()).into_iter().chain(named("text", text.parameters())).collect::<Vec<_>>();
    train_as_recorded("text_stage", &text, &unet, &both);
}
