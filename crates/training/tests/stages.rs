//! The stages seen from inside: what each mode changes, how a divergence ends, what a parked text encoder is.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use engine::tch::{Device, Kind, Tensor};
use model::NoiseSchedule;
use protocol::{LrScheduler, Stage, TextTraining};
use support::{Workshop, bits};
use training::batches::Batches;
use training::dataset::find_photos;
use training::latents::{Distribution, LatentCache};
use training::lr_schedule::LearningRate;
use training::noise::{SeededNoise, Streams};
use training::parked::ParkedTextEncoder;
use training::prompts::Prompts;
use training::stage::StageLoop;
use training::text_stage::TextStage;

const STREAMS: fn() -> Streams = || Streams::new(555);

fn one_latent() -> LatentCache {
    let latent = |scale: f64| STREAMS().normal(training::noise::Stream::Noise, 99, &[4, 8, 8]) * scale;
    LatentCache::new(vec![vec![Distribution { mean: latent(1.0), std: latent(0.0) }]])
}

fn plan<'a>(
    steps: u64,
    learning_rate: f64,
    schedule: &'a NoiseSchedule,
    latents: &'a LatentCache,
    noise: &'a SeededNoise,
) -> StageLoop<'a> {
    StageLoop {
        stage: Stage::Text,
        steps,
        learning_rate: LearningRate { base: learning_rate, scheduler: LrScheduler::Constant },
        schedule,
        latents,
        batches: Batches::new(STREAMS(), 1, 1),
        noise,
        device: Device::Cpu,
        compute: Kind::Float,
    }
}

/// Bits of the text encoder and the UNet before and after two steps.
fn before_and_after(mode: TextTraining) -> [[Vec<Vec<u32>>; 2]; 2] {
    let workshop = Workshop::new();
    let (schedule, latents) = (workshop.base.schedule(), one_latent());
    let noise = SeededNoise::new(STREAMS(), 1000, false);
    let photos = find_photos(workshop.images.path(), Some("sks")).unwrap();
    let prompts = Prompts::new(&photos, &workshop.base.tokenizer());
    let stage = TextStage::load(&workshop.base, mode, Device::Cpu, Kind::Float).unwrap();
    let both = || [bits(stage.text_encoder.parameters()), bits(stage.unet.parameters())];
    let before = both();
    stage.run(&plan(2, 1e-3, &schedule, &latents, &noise), &prompts, |_| Ok(())).unwrap();
    [before, both()]
}

#[test]
fn frozen_mode_changes_every_layer_of_the_text_encoder_and_no_bit_of_the_unet() {
    let [[text_before, unet_before], [text_after, unet_after]] = before_and_after(TextTraining::FrozenUnet);
    assert!(unet_before == unet_after, "the UNet changed");
    let unchanged = text_before.iter().zip(&text_after).filter(|(before, after)| before == after).count();
    assert_eq!(unchanged, 0, "tensors of the text encoder that did not change");
}

#[test]
fn joint_mode_changes_both_networks() {
    let [[text_before, unet_before], [text_after, unet_after]] = before_and_after(TextTraining::Joint);
    assert!(text_before != text_after);
    assert!(unet_before != unet_after);
}

#[test]
fn a_loss_that_is_no_number_ends_the_stage_with_advice() {
    let workshop = Workshop::new();
    let (schedule, latents) = (workshop.base.schedule(), one_latent());
    let noise = SeededNoise::new(STREAMS(), 1000, false);
    let weight = Tensor::from_slice(&[1.0f32]).set_requires_grad(true);
    let steps = std::cell::Cell::new(0);
    let predict = |noisy: &Tensor, _: &Tensor, _: &[usize]| {
        steps.set(steps.get() + 1);
        noisy * &weight * if steps.get() == 3 { f64::INFINITY } else { 1.0 }
    };
    let run = plan(5, 0.5, &schedule, &latents, &noise).run(&[weight.shallow_clone()], &predict, |_| Ok(()));
    assert_eq!(
        run.unwrap_err().to_string(),
        "the text stage diverged at step 3: the loss is not a finite number; lower text_learning_rate (it is 0.5)"
    );
}

#[test]
fn no_gradient_is_kept_after_a_step() {
    let workshop = Workshop::new();
    let (schedule, latents) = (workshop.base.schedule(), one_latent());
    let noise = SeededNoise::new(STREAMS(), 1000, false);
    let weight = Tensor::from_slice(&[1.0f32]).set_requires_grad(true);
    let predict = |noisy: &Tensor, _: &Tensor, _: &[usize]| noisy * &weight;
    let check = |_| {
        assert!(!weight.grad().defined());
        Ok(())
    };
    plan(2, 0.5, &schedule, &latents, &noise).run(&[weight.shallow_clone()], &predict, check).unwrap();
}

#[test]
fn a_parked_text_encoder_comes_back_bit_for_bit() {
    let workshop = Workshop::new();
    let encoder = workshop.base.text_encoder(Device::Cpu, Kind::Float).unwrap();
    let before = bits(encoder.parameters());
    let names: Vec<String> = encoder.parameters().iter().map(|(name, _)| name.clone()).collect();
    let scratch = workshop.scratch.path();
    let parked = ParkedTextEncoder::park(encoder, scratch).unwrap();
    assert_eq!(files_in(scratch), 1, "it waits in the job's own folder");
    let fetched = parked.fetch(&workshop.base, Device::Cpu).unwrap();
    assert!(bits(fetched.parameters()) == before);
    assert!(fetched.parameters().iter().map(|(name, _)| name).eq(&names));
    drop(parked);
    assert_eq!(files_in(scratch), 0, "and is gone afterwards");
}

fn files_in(folder: &std::path::Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

#[test]
fn a_text_encoder_that_cannot_be_parked_names_the_folder() {
    let workshop = Workshop::new();
    let encoder = workshop.base.text_encoder(Device::Cpu, Kind::Float).unwrap();
    let absent = workshop.scratch.path().join("absent");
    let error = ParkedTextEncoder::park(encoder, &absent).unwrap_err().to_string();
    assert!(error.contains(&absent.display().to_string()), "{error}");
}

#[test]
fn equal_captions_share_an_embedding_and_other_ones_do_not() {
    let workshop = Workshop::new();
    let mut photos = find_photos(workshop.images.path(), Some("sks")).unwrap();
    photos[1].caption = "a cat".into();
    let prompts = Prompts::new(&photos, &workshop.base.tokenizer());
    let ids = prompts.ids(&[0, 1, 2], Device::Cpu);
    assert_eq!(ids.size(), [3, 77]);
    assert_eq!(ids.get(0), ids.get(2));
    assert_ne!(ids.get(0), ids.get(1));
    let encoder = workshop.base.text_encoder(Device::Cpu, Kind::Float).unwrap();
    let context = prompts.encode(&encoder, Device::Cpu).context(&[1, 2]);
    assert_eq!(context.size(), [2, 77, 8]);
    let direct = encoder.forward(&prompts.ids(&[1, 2], Device::Cpu), Kind::Float);
    assert!((context - direct).abs().max().double_value(&[]) < 1e-5);
}
