//! The stages seen from inside: what each mode changes, how a divergence ends, what a parked text encoder is.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use engine::tch::{Device, Kind, Tensor};
use engine::{AdamW, Parameter};
use model::NoiseSchedule;
use protocol::{CaptionPadding, LrScheduler, Stage};
use support::{Workshop, bits};
use training::TrainingError;
use training::batches::Batches;
use training::latents::{Distribution, LatentCache};
use training::loss::LossRule;
use training::lr_schedule::LearningRate;
use training::networks::{Layout, frozen_unet, trained_text_encoder, trained_unet};
use training::noise::{OffsetNoise, SeededNoise, Streams};
use training::parked::Parked;
use training::prompts::Prompts;
use training::stage::{ADAMW, Predict, StagePlan, StageState, StageWatch, StepRecord, Trainee};

const STREAMS: fn() -> Streams = || Streams::new(555);

fn one_latent() -> LatentCache {
    let latent = |scale: f64| STREAMS().normal(training::noise::Stream::Noise, 99, &[4, 8, 8]) * scale;
    LatentCache::new(vec![vec![Distribution { mean: latent(1.0), std: latent(0.0) }]])
}

fn plan<'a>(
    steps: u64,
    schedule: &'a NoiseSchedule,
    latents: &'a LatentCache,
    noise: &'a SeededNoise,
) -> StagePlan<'a> {
    StagePlan {
        stage: Stage::Text,
        steps,
        schedule,
        latents,
        batches: Batches::new(STREAMS(), 1, 1),
        noise,
        loss: LossRule::default(),
        accumulation: 1,
        device: Device::Cpu,
        compute: Kind::Float,
    }
}

fn trainee(name: &'static str, parameters: Vec<Parameter>, rate: f64) -> Trainee {
    let learning_rate = LearningRate { base: rate, scheduler: LrScheduler::Constant };
    Trainee { name, optimizer: Box::new(AdamW::new(parameters, ADAMW)), learning_rate, steps: u64::MAX, ema: None }
}

/// A watch that only collects.
#[derive(Default)]
struct Records(Vec<StepRecord>);

impl StageWatch for Records {
    fn record(&mut self, record: StepRecord) -> Result<(), TrainingError> {
        self.0.push(record);
        Ok(())
    }

    fn wants_pause(&mut self, _: u64) -> bool {
        false
    }

    fn pause(&mut self, _: &StageState, _: &Predict<'_>) -> Result<(), TrainingError> {
        Ok(())
    }
}

/// Bits of the text encoder and the UNet before and after two steps.
fn before_and_after(joint: bool) -> [[Vec<Vec<u32>>; 2]; 2] {
    let workshop = Workshop::new();
    let (schedule, latents) = (workshop.base.schedule(), one_latent());
    let noise = SeededNoise::new(STREAMS(), 1000, OffsetNoise::NONE);
    let prompts = Prompts::new(["sks"], &workshop.base.tokenizer(), CaptionPadding::MaxLength);
    let text = trained_text_encoder(&workshop.base, Device::Cpu, &Layout::FP32).unwrap();
    let mut trainees = vec![trainee("text_encoder", text.parameters, 1e-3)];
    let unet = if joint {
        let unet = trained_unet(&workshop.base, Device::Cpu, &Layout::FP32).unwrap();
        trainees.push(trainee("unet", unet.parameters, 1e-3));
        unet.network
    } else {
        frozen_unet(&workshop.base, Device::Cpu, &Layout::FP32).unwrap()
    };
    let both = || [bits(text.network.parameters()), bits(unet.parameters())];
    let predict = |noisy: &Tensor, timesteps: &Tensor, batch: &[usize]| {
        unet.forward(noisy, timesteps, &text.network.forward(&prompts.ids(batch, Device::Cpu), Kind::Float))
    };
    let before = both();
    let mut state = StageState::new(trainees);
    plan(2, &schedule, &latents, &noise).run(&mut state, &predict, &mut Records::default()).unwrap();
    [before, both()]
}

#[test]
fn frozen_mode_changes_every_layer_of_the_text_encoder_and_no_bit_of_the_unet() {
    let [[text_before, unet_before], [text_after, unet_after]] = before_and_after(false);
    assert!(unet_before == unet_after, "the UNet changed");
    let unchanged = text_before.iter().zip(&text_after).filter(|(before, after)| before == after).count();
    assert_eq!(unchanged, 0, "tensors of the text encoder that did not change");
}

#[test]
fn joint_mode_changes_both_networks() {
    let [[text_before, unet_before], [text_after, unet_after]] = before_and_after(true);
    assert!(text_before != text_after);
    assert!(unet_before != unet_after);
}

/// A network of one weight.
fn one_weight() -> (Tensor, StageState) {
    let weight = Tensor::from_slice(&[1.0f32]).set_requires_grad(true);
    let parameter = Parameter::new("weight".into(), weight.shallow_clone());
    (weight, StageState::new(vec![trainee("unet", vec![parameter], 0.5)]))
}

#[test]
fn a_loss_that_is_no_number_ends_the_stage_with_advice() {
    let workshop = Workshop::new();
    let (schedule, latents) = (workshop.base.schedule(), one_latent());
    let noise = SeededNoise::new(STREAMS(), 1000, OffsetNoise::NONE);
    let (weight, mut state) = one_weight();
    let steps = std::cell::Cell::new(0);
    let predict = |noisy: &Tensor, _: &Tensor, _: &[usize]| {
        steps.set(steps.get() + 1);
        noisy * &weight * if steps.get() == 3 { f64::INFINITY } else { 1.0 }
    };
    let mut records = Records::default();
    let run = plan(5, &schedule, &latents, &noise).run(&mut state, &predict, &mut records);
    assert_eq!(
        run.unwrap_err().to_string(),
        "the text stage diverged at step 3: the loss is not a finite number; lower text_learning_rate (it is 0.5)"
    );
    assert_eq!(records.0.len(), 2, "the steps before are on record");
}

#[test]
fn no_gradient_is_kept_after_a_step() {
    let workshop = Workshop::new();
    let (schedule, latents) = (workshop.base.schedule(), one_latent());
    let noise = SeededNoise::new(STREAMS(), 1000, OffsetNoise::NONE);
    let (weight, mut state) = one_weight();
    let predict = |noisy: &Tensor, _: &Tensor, _: &[usize]| noisy * &weight;
    state.step(&plan(2, &schedule, &latents, &noise), &predict).unwrap();
    assert!(!weight.grad().defined());
}

#[test]
fn a_state_that_is_put_back_goes_on_to_the_bit() {
    let workshop = Workshop::new();
    let (schedule, latents) = (workshop.base.schedule(), one_latent());
    let noise = SeededNoise::new(STREAMS(), 1000, OffsetNoise::NONE);
    let plan = plan(6, &schedule, &latents, &noise);
    let unet = || {
        let unet = trained_unet(&workshop.base, Device::Cpu, &Layout::FP32).unwrap();
        let mut averaged = trainee("unet", unet.parameters, 1e-3);
        averaged.ema = Some(engine::Ema::new(averaged.optimizer.parameters(), 0.9).unwrap());
        (unet.network, StageState::new(vec![averaged]))
    };
    let context = STREAMS().normal(training::noise::Stream::Noise, 98, &[1, 77, 8]);
    let steps = |network: &model::UNet, state: &mut StageState, count: usize| {
        let predict = |noisy: &Tensor, timesteps: &Tensor, _: &[usize]| network.forward(noisy, timesteps, &context);
        for _ in 0..count {
            state.step(&plan, &predict).unwrap();
        }
    };
    let (network, mut straight) = unet();
    steps(&network, &mut straight, 3);
    let kept: Vec<(String, Tensor)> =
        straight.state().into_iter().map(|(name, tensor)| (name, tensor.copy())).collect();
    let position = straight.position();
    steps(&network, &mut straight, 3);

    let (other_network, mut resumed) = unet();
    let mut read = |name: &str| {
        let found = kept.iter().find(|(kept, _)| kept == name);
        Ok(found.unwrap_or_else(|| panic!("{name} was not kept")).1.copy())
    };
    resumed.load(position, &mut read).unwrap();
    steps(&other_network, &mut resumed, 3);
    assert_eq!(straight.position(), resumed.position());
    for ((name, left), (_, right)) in straight.state().iter().zip(resumed.state()) {
        assert!(left.equal(&right), "{name} differs");
    }
}

#[test]
fn a_parked_network_comes_back_bit_for_bit() {
    let workshop = Workshop::new();
    let encoder = workshop.base.text_encoder(Device::Cpu, Kind::Float).unwrap();
    let tensors: Vec<(String, Tensor)> =
        encoder.parameters().iter().map(|(name, tensor)| (name.clone(), tensor.detach())).collect();
    let scratch = workshop.scratch.path();
    let parked = Parked::park(tensors, scratch).unwrap();
    assert_eq!(files_in(scratch), 1, "it waits in the job's own folder");
    let fetched = parked.fetch().unwrap();
    assert!(bits(&fetched) == bits(encoder.parameters()));
    assert!(fetched.iter().map(|(name, _)| name).eq(encoder.parameters().iter().map(|(name, _)| name)));
    drop(parked);
    assert_eq!(files_in(scratch), 0, "and is gone afterwards");
}

fn files_in(folder: &std::path::Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

#[test]
fn a_text_encoder_that_cannot_be_parked_names_the_folder() {
    let workshop = Workshop::new();
    let absent = workshop.scratch.path().join("absent");
    let error = Parked::park(Vec::new(), &absent).unwrap_err().to_string();
    assert!(error.contains(&absent.display().to_string()), "{error}");
}
