//! TAESD (Bohan, "Tiny AutoEncoder for Stable Diffusion", 2023) is fine-tuned on the toy world: as it is, it loses eyes and
//! glasses at 128 pixels.

use std::collections::BTreeMap;
use std::path::Path;

use engine::tch::{Device, Kind, Reduction, Tensor};
use engine::{AdamW, AdamWSettings, Clip, Optimizer, Parameter, clip, no_grad};
use model::weights::{TaesdSource, WeightSource};
use model::{Loader, Part, Vae, VaeConfig};
use toyworld::World;
use training::networks::learning_with_masters;
use training::noise::{Stream, Streams};

use crate::error::Result;
use crate::pictures::{render, to_unit};
use crate::tensors;

/// Pictures of one step.
const BATCH_SIZE: usize = 8;
/// Step size at the start; it falls linearly to nothing.
const LEARNING_RATE: f64 = 5e-4;
/// Steps over which it rises to its full size.
const WARM_UP_STEPS: u64 = 50;
/// Longer gradients are scaled down to this.
const CLIP_NORM: f64 = 1.0;
/// What squared error counts beside the absolute one, which alone would leave some pixels quite wrong.
const SQUARED: f64 = 2.0;
/// How strongly the encoder is held to its old latents, which have the scale that diffusion wants.
const STAY: f64 = 0.05;
/// Held-out pictures for the figures.
const JUDGED: u64 = 64;
/// Where those are taken from: no picture of training has such a number.
const JUDGED_FIRST: u64 = 1 << 40;

/// What is changed, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct FineTuning {
    /// Optimizer steps of eight pictures.
    pub steps: u64,
    /// Pictures it learns from.
    pub pictures: u64,
    /// Whether the encoder changes, too; otherwise latents stay TAESD's own.
    pub encoder: bool,
    /// Of the order of pictures.
    pub seed: u64,
    /// What the networks compute in; masters are f32.
    pub compute: Kind,
}

/// How well pictures come back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fidelity {
    /// Mean peak signal-to-noise ratio of held-out pictures in dB.
    pub psnr: f64,
    /// Deviation of their latents: 1 is what the UNet expects.
    pub latent_deviation: f64,
}

/// TAESD, fine-tuned: its weights in f32 by diffusers' names. `report(step, loss)` is told every fifty steps.
///
/// # Errors
/// When the weights cannot be read, or memory is short.
pub fn fine_tune(
    taesd: &TaesdSource,
    world: &World,
    device: Device,
    settings: FineTuning,
    mut report: impl FnMut(u64, f64),
) -> Result<Vec<(String, Tensor)>> {
    let vae = Vae::load(&VaeConfig::taesd(), Loader::new(taesd, Part::Vae, device, settings.compute))?;
    let scenes: Vec<_> = (0..settings.pictures).map(|index| (world.description(index), index)).collect();
    let pictures = render(&scenes);
    let old_latents = encode_all(&vae, &pictures, device);
    let (changing, fixed): (Vec<_>, Vec<_>) =
        named(&vae).partition(|(name, _)| settings.encoder || name.starts_with("decoder"));
    let parameters = learning_with_masters(taesd, Part::Vae, &changing)?;
    let mut optimizer = AdamW::new(parameters, AdamWSettings { beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay: 0.0 });
    let streams = Streams::new(settings.seed);
    for step in 0..settings.steps {
        let chosen: Vec<i64> = (0..BATCH_SIZE)
            .map(|item| streams.below(Stream::Order, step, item, settings.pictures as usize) as i64)
            .collect();
        let chosen = Tensor::from_slice(&chosen);
        let shown = to_unit(&pictures.index_select(0, &chosen).to_device(device));
        let latents = vae.encode(&shown).mean;
        let held = (&latents - old_latents.index_select(0, &chosen)).square().mean(Kind::Float) * STAY;
        let loss = error(&vae.decode(&(&latents * vae.scaling_factor())), &shown) + held;
        loss.backward();
        let Clip { norm, coefficient } = clip(optimizer.parameters(), CLIP_NORM)?;
        let rise = ((step + 1) as f64 / WARM_UP_STEPS as f64).min(1.0);
        let fall = 1.0 - step as f64 / settings.steps as f64;
        optimizer.step(LEARNING_RATE * rise * fall, &Clip { norm, coefficient })?;
        optimizer.zero_grad();
        if (step + 1) % 50 == 0 {
            report(step + 1, loss.double_value(&[]));
        }
    }
    let master = |parameter: &Parameter| (parameter.name().to_owned(), parameter.master().detach());
    let unchanged =
        |(name, tensor): (String, Tensor)| Ok((name.clone(), taesd.tensor(Part::Vae, &name, &tensor.size())?));
    optimizer
        .parameters()
        .iter()
        .map(|parameter| Ok(master(parameter)))
        .chain(fixed.into_iter().map(unchanged))
        .collect()
}

/// The network's own tensors by their names.
fn named(vae: &Vae) -> impl Iterator<Item = (String, Tensor)> {
    vae.parameters().iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone()))
}

fn error(found: &Tensor, wanted: &Tensor) -> Tensor {
    found.l1_loss(wanted, Reduction::Mean) + found.mse_loss(wanted, Reduction::Mean) * SQUARED
}

/// `[n, 4, 16, 16]` f32.
fn encode_all(vae: &Vae, pictures: &Tensor, device: Device) -> Tensor {
    let encode = |part: &Tensor| no_grad(|| vae.encode(&to_unit(&part.to_device(device))).mean);
    Tensor::cat(&pictures.split(BATCH_SIZE as i64, 0).iter().map(encode).collect::<Vec<_>>(), 0)
}

/// Measures `vae` on pictures of `world` that nothing is trained on.
#[must_use]
pub fn fidelity(vae: &Vae, world: &World, device: Device) -> Fidelity {
    let scenes: Vec<_> = (JUDGED_FIRST..JUDGED_FIRST + JUDGED).map(|index| (world.description(index), index)).collect();
    let (mut psnr, mut squares, mut count) = (0.0, 0.0, 0.0);
    let pictures = render(&scenes);
    for part in pictures.split(BATCH_SIZE as i64, 0) {
        let shown = to_unit(&part.to_device(device));
        no_grad(|| {
            let latents = vae.encode(&shown).mean * vae.scaling_factor();
            let back = vae.decode(&latents).clamp(-1.0, 1.0);
            // A range of 2, whose square is 4.
            let error = ((back - &shown).square() / 4.0).mean_dim([1i64, 2, 3].as_slice(), false, Kind::Float);
            psnr += (error.log10() * -10.0).sum(Kind::Float).double_value(&[]);
            squares += latents.square().sum(Kind::Double).double_value(&[]);
            count += latents.numel() as f64;
        });
    }
    Fidelity { psnr: psnr / JUDGED as f64, latent_deviation: (squares / count).sqrt() }
}

/// Keeps the weights.
///
/// # Errors
/// When the file cannot be written.
pub fn write(weights: &[(String, Tensor)], path: &Path) -> Result<()> {
    tensors::write(path, weights, &BTreeMap::new())
}
