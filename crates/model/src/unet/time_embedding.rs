//! The noise level as a vector: sinusoids (Vaswani et al., 2017) through two linear layers.

use engine::tch::{Kind, Tensor};

use crate::config::UNetConfig;
use crate::error::Result;
use crate::layers::{Linear, Loader};

/// The longest period of the sinusoids, in timesteps.
const MAX_PERIOD: f64 = 10000.0;
/// The embedding is this many times as wide as the first block.
const WIDENING: i64 = 4;

/// Width of the time embedding that resnets read.
pub(super) fn time_embed_dim(config: &UNetConfig) -> i64 {
    config.block_out_channels.first().copied().unwrap_or_default() * WIDENING
}

#[derive(Debug)]
pub(super) struct TimeEmbedding {
    linear_1: Linear,
    linear_2: Linear,
    /// Number of sinusoids: sines and cosines of half as many frequencies.
    channels: i64,
    flip_sin_to_cos: bool,
    freq_shift: f64,
}

impl TimeEmbedding {
    pub(super) fn load(config: &UNetConfig, loader: &Loader<'_>) -> Result<Self> {
        let channels = config.block_out_channels.first().copied().unwrap_or_default();
        let width = time_embed_dim(config);
        Ok(Self {
            linear_1: Linear::load(&loader.at("linear_1"), channels, width)?,
            linear_2: Linear::load(&loader.at("linear_2"), width, width)?,
            channels,
            flip_sin_to_cos: config.flip_sin_to_cos,
            freq_shift: config.freq_shift,
        })
    }

    /// `[batch]` f32 timesteps to `[batch, 4 · channels]` in the dtype `compute`.
    pub(super) fn forward(&self, timesteps: &Tensor, compute: Kind) -> Tensor {
        let sinusoids = self.sinusoids(timesteps).to_kind(compute);
        self.linear_2.forward(&self.linear_1.forward(&sinusoids).silu())
    }

    /// `[batch]` to `[batch, channels]`, f32: bf16 cannot tell timestep 998 from 999.
    fn sinusoids(&self, timesteps: &Tensor) -> Tensor {
        let half = self.channels / 2;
        let exponent = Tensor::arange(half, (Kind::Float, timesteps.device())) * -MAX_PERIOD.ln();
        let frequencies = (exponent / (half as f64 - self.freq_shift)).exp();
        let angles = timesteps.unsqueeze(1) * frequencies.unsqueeze(0);
        let (sin, cos) = (angles.sin(), angles.cos());
        let mut halves = if self.flip_sin_to_cos { vec![cos, sin] } else { vec![sin, cos] };
        if self.channels % 2 == 1 {
            halves.push(timesteps.zeros_like().unsqueeze(1));
        }
        Tensor::cat(&halves, 1)
    }
}
