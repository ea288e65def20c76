//! One step of the joint text stage against PyTorch and diffusers: loss, gradient norm, and the weights after AdamW.
//!
//! The recording (`model/tests/goldens/gradients.safetensors`, diffusers 0.36.0 and torch 2.11.0) holds latents, noise,
//! timesteps and token ids of a batch of two, the loss, some gradients and their common norm over both networks.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::path::Path;

use engine::tch::{Device, Kind, Tensor};
use engine::{AdamW, Parameter, no_grad};
use model::base::BaseModel;
use protocol::{LrScheduler, Stage};
use training::batches::Batches;
use training::latents::{Distribution, LatentCache};
use training::loss::LossRule;
use training::lr_schedule::LearningRate;
use training::noise::{NoiseSource, StepNoise, Streams};
use training::stage::{ADAMW, CLIP_NORM, StagePlan, StageState, Trainee};

const LEARNING_RATE: f64 = 1e-3;

#[derive(Debug)]
struct Recording(HashMap<String, Tensor>);

impl Recording {
    fn get(&self, name: &str) -> &Tensor {
        &self.0[name]
    }

    fn number(&self, name: &str) -> f64 {
        self.get(name).double_value(&[])
    }
}

impl NoiseSource for Recording {
    fn draw(&self, _step: u64, shape: &[i64]) -> StepNoise {
        StepNoise {
            posterior: Tensor::ones(shape, (Kind::Float, Device::Cpu)),
            noise: self.get("noise").shallow_clone(),
            timesteps: self.get("timesteps").shallow_clone(),
            crop_choices: vec![0.0; shape[0] as usize],
            mirrored: vec![false; shape[0] as usize],
        }
    }
}

/// Batches of two whose first one is in the recording's order.
fn in_order() -> Batches {
    let mut orders = (0..).map(|seed| Batches::new(Streams::new(seed), 2, 2));
    orders.find(|batches| batches.batch(0).images == [0, 1]).unwrap()
}

#[test]
fn a_step_has_the_loss_the_gradients_and_the_update_of_pytorch() {
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/tests/goldens");
    let recording =
        Recording(Tensor::read_safetensors(goldens.join("gradients.safetensors")).unwrap().into_iter().collect());
    let base = BaseModel::open(&goldens.join("tiny").display().to_string().parse().unwrap()).unwrap();
    let text = base.text_encoder(Device::Cpu, Kind::Float).unwrap();
    let unet = base.unet(Device::Cpu, Kind::Float).unwrap();

    let named: Vec<(String, &Tensor)> = text
        .parameters()
        .iter()
        .map(|(name, tensor)| (format!("text.grad.{name}"), tensor))
        .chain(unet.parameters().iter().map(|(name, tensor)| (format!("unet.grad.{name}"), tensor)))
        .collect();
    let before: Vec<Tensor> = named.iter().map(|(_, tensor)| tensor.detach().copy()).collect();
    let parameter = |(name, tensor): &(String, &Tensor)| Parameter::new(name.clone(), tensor.set_requires_grad(true));
    let optimizer = AdamW::new(named.iter().map(parameter).collect(), ADAMW);

    let latent = |item| Distribution {
        mean: recording.get("latents").get(item),
        std: recording.get("latents").get(item).zeros_like(),
    };
    let plan = StagePlan {
        stage: Stage::Text,
        steps: 1,
        schedule: &base.schedule(),
        latents: &LatentCache::new(vec![vec![latent(0)], vec![latent(1)]]),
        batches: in_order(),
        noise: &recording,
        loss: LossRule::default(),
        accumulation: 1,
        device: Device::Cpu,
        compute: Kind::Float,
    };
    let predict = |noisy: &Tensor, timesteps: &Tensor, _: &[usize]| {
        unet.forward(noisy, timesteps, &text.forward(recording.get("ids"), Kind::Float))
    };
    let trainee = Trainee {
        name: "both",
        optimizer: Box::new(optimizer),
        learning_rate: LearningRate { base: LEARNING_RATE, scheduler: LrScheduler::Constant },
        steps: 1,
        ema: None,
    };
    let mut state = StageState::new(vec![trainee]);
    let record = state.step(&plan, &predict).unwrap().read(&plan, LEARNING_RATE).unwrap();

    let norm = recording.number("joint.grad_norm");
    assert!((record.loss / recording.number("loss") - 1.0).abs() < 1e-5, "{record:?}");
    assert!((record.gradient_norm / norm - 1.0).abs() < 1e-4, "{record:?}, not {norm}");

    let clip = (CLIP_NORM / (norm + 1e-6)).min(1.0);
    let mut compared = 0;
    for ((name, after), before) in named.iter().zip(before) {
        let Some(gradient) = recording.0.get(name) else { continue };
        no_grad(|| {
            // AdamW's first step: both moments are the gradient's own, so their corrections cancel.
            let gradient = gradient * clip;
            let decayed = &before * (1.0 - LEARNING_RATE * ADAMW.weight_decay);
            let expected = decayed - &gradient / (gradient.abs() + ADAMW.eps) * LEARNING_RATE;
            // Where a gradient is as small as its own rounding error, the sign of the step is noise.
            let certain = gradient.abs().gt(1e-5);
            let error = ((*after - expected) * certain.to_kind(Kind::Float)).abs().max().double_value(&[]);
            assert!(error < 2e-6, "{name}: {error}");
            compared += certain.sum(Kind::Int64).int64_value(&[]);
        });
    }
    assert!(compared > 1000, "only {compared} numbers were compared");
}
