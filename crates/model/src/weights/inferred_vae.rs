//! The autoencoder's sizes, read off the tensor shapes of a single file: a part of [`inferred_config`](super::inferred_config).

use super::inferred_config::{Shapes, count, sides};
use super::key_map::VAE_PREFIX;
use crate::config::{AutoencoderKlConfig, AutoencoderTinyConfig, VaeConfig};

/// Whichever autoencoder's names are there.
pub(super) fn vae(shapes: &Shapes<'_>) -> Result<VaeConfig, String> {
    match shapes(&format!("{VAE_PREFIX}encoder.layers.0.weight")) {
        Some(_) => tiny(shapes).map(VaeConfig::Tiny),
        None => kl(shapes).map(VaeConfig::Kl),
    }
}

fn kl(shapes: &Shapes<'_>) -> Result<AutoencoderKlConfig, String> {
    let name = |rest: &str| format!("{VAE_PREFIX}{rest}");
    let [_, in_channels, _, _] = sides(shapes, &name("encoder.conv_in.weight"))?;
    let [out_channels, _, _, _] = sides(shapes, &name("decoder.conv_out.weight"))?;
    let [_, latent_channels, _, _] = sides(shapes, &name("decoder.conv_in.weight"))?;
    let conv = |level: usize, layer: usize| name(&format!("encoder.down.{level}.block.{layer}.conv1.weight"));
    let levels = count(|level| shapes(&conv(level, 0)).is_some());
    let layers = count(|layer| shapes(&conv(0, layer)).is_some());
    let mut block_out_channels = Vec::with_capacity(levels);
    for level in 0..levels {
        let [channels, ..]: [i64; 4] = sides(shapes, &conv(level, 0))?;
        block_out_channels.push(channels);
    }
    Ok(AutoencoderKlConfig {
        in_channels,
        out_channels,
        latent_channels,
        block_out_channels,
        layers_per_block: layers as i64,
        ..AutoencoderKlConfig::sd15()
    })
}

fn tiny(shapes: &Shapes<'_>) -> Result<AutoencoderTinyConfig, String> {
    let name = |rest: &str| format!("{VAE_PREFIX}{rest}");
    let [encoder_channels, in_channels, _, _] = sides(shapes, &name("encoder.layers.0.weight"))?;
    let [decoder_channels, latent_channels, _, _] = sides(shapes, &name("decoder.layers.0.weight"))?;
    // Behind the first convolution: residual blocks, then the convolution that leads to the next resolution, and so on.
    let (num_encoder_blocks, _) = blocks(shapes, &name("encoder.layers"), 1, 1);
    // The decoder has an activation there, and enlarges before it leads on.
    let (num_decoder_blocks, last) = blocks(shapes, &name("decoder.layers"), 2, 2);
    let [out_channels, ..]: [i64; 4] = sides(shapes, &name(&format!("decoder.layers.{last}.weight")))?;
    Ok(AutoencoderTinyConfig {
        in_channels,
        out_channels,
        latent_channels,
        encoder_block_out_channels: vec![encoder_channels; num_encoder_blocks.len()],
        decoder_block_out_channels: vec![decoder_channels; num_decoder_blocks.len()],
        num_encoder_blocks,
        num_decoder_blocks,
        ..AutoencoderTinyConfig::default()
    })
}

/// How many residual blocks stand at each resolution of a row of layers from place `first` on, and the place behind them all;
/// `between` places separate two resolutions.
fn blocks(shapes: &Shapes<'_>, row: &str, first: usize, between: usize) -> (Vec<i64>, usize) {
    let mut place = first;
    let mut found = Vec::new();
    loop {
        let here = count(|block| shapes(&format!("{row}.{}.conv.0.weight", place + block)).is_some());
        found.push(here as i64);
        place += here;
        let goes_on = shapes(&format!("{row}.{}.conv.0.weight", place + between)).is_some();
        if here == 0 || !goes_on {
            return (found, place);
        }
        place += between;
    }
}
