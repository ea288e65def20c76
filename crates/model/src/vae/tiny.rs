//! diffusers' `AutoencoderTiny`: TAESD (<https://github.com/madebyollin/taesd>), 3×3 convolutions and rectified linear units
//! alone, without a norm.
//!
//! Each half is one row of layers, and the number in a tensor's name is its layer's place in the row; layers without weights
//! (activation, upsampling) take a place, too.

use engine::tch::{Device, Kind, Tensor};

use super::Posterior;
use crate::config::AutoencoderTinyConfig;
use crate::error::Result;
use crate::layers::{Conv2d, Loader};

/// Latents are bent to ±3 before they are decoded, whatever the configuration says.
const LATENT_LIMIT: f64 = 3.0;

#[derive(Debug)]
pub(super) struct AutoencoderTiny {
    encoder: Vec<Layer>,
    decoder: Vec<Layer>,
}

impl AutoencoderTiny {
    pub(super) fn load(config: &AutoencoderTinyConfig, loader: &Loader<'_>) -> Result<Self> {
        Ok(Self {
            encoder: load_encoder(config, &loader.at("encoder.layers"))?,
            decoder: load_decoder(config, &loader.at("decoder.layers"))?,
        })
    }

    /// `[batch, 3, height, width]` in [-1, 1] to `[batch, 4, height/8, width/8]` without doubt, f32.
    pub(super) fn encode(&self, images: &Tensor, kind: Kind) -> Posterior {
        // The network's own images are in [0, 1].
        let images = ((images + 1.0) / 2.0).to_kind(kind);
        Posterior::certain(forward(&self.encoder, &images).to_kind(Kind::Float))
    }

    /// `[batch, 4, h, w]` to `[batch, 3, 8h, 8w]`, f32.
    pub(super) fn decode(&self, latents: &Tensor, kind: Kind) -> Tensor {
        let latents = ((latents / LATENT_LIMIT).tanh() * LATENT_LIMIT).to_kind(kind);
        forward(&self.decoder, &latents).to_kind(Kind::Float) * 2.0 - 1.0
    }
}

#[derive(Debug)]
enum Layer {
    Convolution(Conv2d),
    Residual(Residual),
    Relu,
    Upsample,
}

impl Layer {
    fn forward(&self, mut x: Tensor) -> Tensor {
        match self {
            Self::Convolution(conv) => conv.forward(&x),
            Self::Residual(block) => block.forward(&x),
            Self::Relu => x.relu_(),
            Self::Upsample => {
                let size = x.size();
                x.upsample_nearest2d([2 * size[2], 2 * size[3]], None, None)
            }
        }
    }
}

/// `AutoencoderTinyBlock`, of as many channels as it is given.
#[derive(Debug)]
struct Residual {
    convs: [Conv2d; 3],
}

impl Residual {
    fn load(loader: &Loader<'_>, channels: i64) -> Result<Self> {
        let conv = |place: i64| Conv2d::load_3x3(&loader.at("conv").at(place), channels, channels);
        Ok(Self { convs: [conv(0)?, conv(2)?, conv(4)?] })
    }

    /// Rectified in place: a convolution does not need its answer for its gradient, and the maps are large.
    fn forward(&self, x: &Tensor) -> Tensor {
        let [first, second, third] = &self.convs;
        let h = first.forward(x).relu_();
        let h = second.forward(&h).relu_();
        (third.forward(&h) + x).relu_()
    }
}

/// A row of layers while it is loaded.
struct Row<'a> {
    loader: &'a Loader<'a>,
    layers: Vec<Layer>,
}

impl<'a> Row<'a> {
    fn new(loader: &'a Loader<'a>) -> Self {
        Self { loader, layers: Vec::new() }
    }

    /// The place of the next layer.
    fn next(&self) -> Loader<'a> {
        self.loader.at(self.layers.len())
    }

    fn residuals(&mut self, count: i64, channels: i64) -> Result<()> {
        (0..count).try_for_each(|_| {
            self.layers.push(Layer::Residual(Residual::load(&self.next(), channels)?));
            Ok(())
        })
    }
}

fn load_encoder(config: &AutoencoderTinyConfig, loader: &Loader<'_>) -> Result<Vec<Layer>> {
    let mut row = Row::new(loader);
    let channels = config.encoder_block_out_channels[0];
    row.layers.push(Layer::Convolution(Conv2d::load_3x3(&row.next(), config.in_channels, channels)?));
    for (level, &blocks) in config.num_encoder_blocks.iter().enumerate() {
        if level > 0 {
            let halving = Conv2d::load_without_bias(&row.next(), channels, channels, 3, 2, 1)?;
            row.layers.push(Layer::Convolution(halving));
        }
        row.residuals(blocks, channels)?;
    }
    row.layers.push(Layer::Convolution(Conv2d::load_3x3(&row.next(), channels, config.latent_channels)?));
    Ok(row.layers)
}

fn load_decoder(config: &AutoencoderTinyConfig, loader: &Loader<'_>) -> Result<Vec<Layer>> {
    let mut row = Row::new(loader);
    let channels = config.decoder_block_out_channels[0];
    row.layers.push(Layer::Convolution(Conv2d::load_3x3(&row.next(), config.latent_channels, channels)?));
    row.layers.push(Layer::Relu);
    for (level, &blocks) in config.num_decoder_blocks.iter().enumerate() {
        if level > 0 {
            row.layers.push(Layer::Upsample);
            let conv = Conv2d::load_without_bias(&row.next(), channels, channels, 3, 1, 1)?;
            row.layers.push(Layer::Convolution(conv));
        }
        row.residuals(blocks, channels)?;
    }
    row.layers.push(Layer::Convolution(Conv2d::load_3x3(&row.next(), channels, config.out_channels)?));
    Ok(row.layers)
}

fn forward(layers: &[Layer], x: &Tensor) -> Tensor {
    // A convolution keeps the order of its input's numbers, and so do all the other layers.
    let x = if x.device() == Device::Cpu { channels_last(x) } else { x.shallow_clone() };
    layers.iter().fold(x, |x, layer| layer.forward(x)).contiguous()
}

/// The same numbers with the channels of a pixel beside each other in memory. With few channels on large maps oneDNN's
/// convolutions want it so, and otherwise bring every map into an order of their own and back. Measured at `[8, 3, 128, 128]` on
/// two cores with AVX-512 and AMX, forward and backward: 1.35 times as fast in f32, 1.9 times in bf16.
fn channels_last(x: &Tensor) -> Tensor {
    x.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2])
}
