//! The mean denoising loss on renderings, over the same noise and timesteps for each model, so that models can be compared.

use engine::tch::{Kind, Tensor};
use training::loss::item_losses;
use training::noise::{Stream, Streams};

use crate::sheet::Draughtsman;

/// Pictures that are denoised together.
const TOGETHER: usize = 16;
/// Timesteps at which each picture is denoised, evenly spread.
const TIMESTEPS: usize = 4;

/// Of pictures, `[n, 4, 16, 16]`, with their captions.
pub(super) fn loss(model: &Draughtsman, latents: &Tensor, captions: &[String], streams: Streams) -> f64 {
    let (all, steps) = (captions.len(), model.schedule().num_train_timesteps() as usize);
    let mut losses = Vec::new();
    for round in 0..TIMESTEPS {
        for (index, captions) in captions.chunks(TOGETHER).enumerate() {
            let (first, count) = (index * TOGETHER, captions.len());
            let latents = latents.narrow(0, first as i64, count as i64);
            let address = (round * all + first) as u64;
            let noise = streams.normal(Stream::ValidationNoise, address, &latents.size()).to_device(model.device());
            // Each picture has its own place in each part of the schedule.
            let within =
                |picture: usize| streams.below(Stream::ValidationTimestep, address, picture, steps / TIMESTEPS);
            let timesteps: Vec<i64> =
                (0..count).map(|picture| (round * steps / TIMESTEPS + within(picture)) as i64).collect();
            let timesteps = Tensor::from_slice(&timesteps).to_device(model.device());
            let noisy = model.schedule().add_noise(&latents, &noise, &timesteps);
            let target = model.schedule().target(&latents, &noise, &timesteps);
            losses.push(item_losses(&model.predict(&noisy, &timesteps, captions), &target));
        }
    }
    Tensor::cat(&losses, 0).mean(Kind::Double).double_value(&[])
}
