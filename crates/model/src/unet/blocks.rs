//! One resolution of the UNet: down blocks leave skips behind, the middle block mixes, up blocks take the skips.

use engine::Segment;
use engine::tch::Tensor;

use crate::config::UNetConfig;
use crate::error::Result;
use crate::layers::{Conv2d, Loader};

use super::resnet::Resnet;
use super::transformer::Transformer2D;

/// `CrossAttnDownBlock2D` or `DownBlock2D`.
#[derive(Debug)]
pub(super) struct DownBlock {
    layers: Vec<Layer>,
    /// A convolution of stride 2; the innermost block has none.
    downsampler: Option<Conv2d>,
}

/// A resnet and, in blocks that attend, a transformer behind it: the unit that the backward pass may compute again.
#[derive(Debug)]
struct Layer {
    parts: Segment<(Resnet, Option<Transformer2D>)>,
    recompute: bool,
}

impl Layer {
    fn forward(&self, x: &Tensor, time: &Tensor, context: &Tensor) -> Tensor {
        self.parts.forward(&[x, time, context], self.recompute, |(resnet, attention), inputs| {
            let (time, context) = (&inputs[1], &inputs[2]);
            let x = resnet.forward(&inputs[0], time);
            match attention {
                Some(attention) => attention.forward(&x, context),
                None => x,
            }
        })
    }
}

impl DownBlock {
    /// The block of this number, outermost first.
    pub(super) fn load(config: &UNetConfig, index: usize, loader: &Loader<'_>) -> Result<Self> {
        let channels = &config.block_out_channels;
        let outputs = channels[index];
        let heads = config.down_attends(index).then(|| config.heads(index));
        let layers = (0..config.layers_per_block)
            .map(|layer| {
                let inputs = if layer == 0 { channels[index.saturating_sub(1)] } else { outputs };
                load_layer(config, loader, layer, inputs, outputs, heads)
            })
            .collect::<Result<_>>()?;
        let downsampler = if index + 1 < channels.len() {
            Some(Conv2d::load(&loader.at("downsamplers.0.conv"), outputs, outputs, 3, 2, 1)?)
        } else {
            None
        };
        Ok(Self { layers, downsampler })
    }

    /// Passes `x` on, half as large, and appends the output of every layer to `skips`.
    pub(super) fn forward(&self, x: &Tensor, time: &Tensor, context: &Tensor, skips: &mut Vec<Tensor>) -> Tensor {
        let mut x = x.shallow_clone();
        for layer in &self.layers {
            x = layer.forward(&x, time, context);
            skips.push(x.shallow_clone());
        }
        if let Some(conv) = &self.downsampler {
            x = conv.forward(&x);
            skips.push(x.shallow_clone());
        }
        x
    }
}

/// `UNetMidBlock2DCrossAttn`: a transformer between two resnets, which the backward pass may compute again.
#[derive(Debug)]
pub(super) struct MidBlock {
    parts: Segment<(Resnet, Transformer2D, Resnet)>,
    recompute: bool,
}

impl MidBlock {
    pub(super) fn load(config: &UNetConfig, loader: &Loader<'_>) -> Result<Self> {
        let innermost = config.block_out_channels.len().saturating_sub(1);
        let channels = config.block_out_channels[innermost];
        let first = Resnet::load(config, &loader.at("resnets.0"), channels, channels)?;
        let attention = Transformer2D::load(config, &loader.at("attentions.0"), channels, config.heads(innermost))?;
        let second = Resnet::load(config, &loader.at("resnets.1"), channels, channels)?;
        Ok(Self { parts: Segment::new((first, attention, second)), recompute: loader.recompute() })
    }

    pub(super) fn forward(&self, x: &Tensor, time: &Tensor, context: &Tensor) -> Tensor {
        self.parts.forward(&[x, time, context], self.recompute, |(first, attention, second), inputs| {
            let (time, context) = (&inputs[1], &inputs[2]);
            second.forward(&attention.forward(&first.forward(&inputs[0], time), context), time)
        })
    }
}

/// `CrossAttnUpBlock2D` or `UpBlock2D`.
#[derive(Debug)]
pub(super) struct UpBlock {
    layers: Vec<Layer>,
    /// A convolution behind nearest-neighbour enlargement; the outermost block has none.
    upsampler: Option<Conv2d>,
}

impl UpBlock {
    /// The block of this number, innermost first.
    pub(super) fn load(config: &UNetConfig, index: usize, loader: &Loader<'_>) -> Result<Self> {
        let channels = &config.block_out_channels;
        let level = channels.len() - 1 - index;
        let outputs = channels[level];
        // The last skip a block takes was left by the level outside it (or by conv_in), the others by its own.
        let outer = channels[level.saturating_sub(1)];
        let inner = channels[(level + 1).min(channels.len() - 1)];
        let heads = config.up_attends(index).then(|| config.heads(level));
        let last = config.layers_per_block;
        let layers = (0..=last)
            .map(|layer| {
                let skip = if layer == last { outer } else { outputs };
                let inputs = if layer == 0 { inner } else { outputs };
                load_layer(config, loader, layer, inputs + skip, outputs, heads)
            })
            .collect::<Result<_>>()?;
        let upsampler =
            if level > 0 { Some(Conv2d::load_3x3(&loader.at("upsamplers.0.conv"), outputs, outputs)?) } else { None };
        Ok(Self { layers, upsampler })
    }

    /// Takes one skip a layer from the end of `skips`, and enlarges to the size of the next one.
    pub(super) fn forward(&self, mut x: Tensor, time: &Tensor, context: &Tensor, skips: &mut Vec<Tensor>) -> Tensor {
        for layer in &self.layers {
            if let Some(skip) = skips.pop() {
                x = Tensor::cat(&[x, skip], 1);
            }
            x = layer.forward(&x, time, context);
        }
        if let (Some(conv), Some(skip)) = (&self.upsampler, skips.last()) {
            // Twice the size, or one less where an odd side was halved on the way down.
            let size = skip.size();
            x = conv.forward(&x.upsample_nearest2d([size[2], size[3]], None, None));
        }
        x
    }
}

/// Layer number `layer` of a block; with `heads`, it attends.
fn load_layer(
    config: &UNetConfig,
    block: &Loader<'_>,
    layer: i64,
    inputs: i64,
    outputs: i64,
    heads: Option<i64>,
) -> Result<Layer> {
    let resnet = Resnet::load(config, &block.at("resnets").at(layer), inputs, outputs)?;
    let attention = match heads {
        Some(heads) => Some(Transformer2D::load(config, &block.at("attentions").at(layer), outputs, heads)?),
        None => None,
    };
    Ok(Layer { parts: Segment::new((resnet, attention)), recompute: block.recompute() })
}
