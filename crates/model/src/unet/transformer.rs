//! Diffusers' `Transformer2DModel` with one `BasicTransformerBlock`: pixels attend to each other and to the context.

use engine::tch::Tensor;

use crate::config::UNetConfig;
use crate::error::Result;
use crate::layers::{GroupNorm, LayerNorm, Linear, Loader, attention};

/// Added to the variance in the group norm before the projection; not configurable in diffusers.
const NORM_EPS: f64 = 1e-6;
/// Added to the variance in layer norms: torch's default.
const LAYER_NORM_EPS: f64 = 1e-5;
/// The feed-forward layer is this many times as wide inside.
const WIDENING: i64 = 4;

#[derive(Debug)]
pub(super) struct Transformer2D {
    norm: GroupNorm,
    proj_in: Linear,
    block: TransformerBlock,
    proj_out: Linear,
}

impl Transformer2D {
    pub(super) fn load(config: &UNetConfig, loader: &Loader<'_>, channels: i64, heads: i64) -> Result<Self> {
        // The two kinds of projection differ in the shape of the stored weight alone.
        let projection = if config.use_linear_projection { Linear::load } else { Linear::load_1x1_conv };
        let loader = &loader.adaptable();
        let block = loader.at("transformer_blocks.0");
        Ok(Self {
            norm: GroupNorm::load(&loader.at("norm"), channels, config.norm_num_groups, NORM_EPS)?,
            proj_in: projection(&loader.at("proj_in"), channels, channels)?,
            block: TransformerBlock::load(&block, channels, heads, config.cross_attention_dim)?,
            proj_out: projection(&loader.at("proj_out"), channels, channels)?,
        })
    }

    /// `x`: `[batch, channels, h, w]`; `context`: `[batch, n, cross_attention_dim]`. Answer: as `x`.
    pub(super) fn forward(&self, x: &Tensor, context: &Tensor) -> Tensor {
        let (height, width) = (x.size()[2], x.size()[3]);
        // [batch, channels, h, w] to [batch, h·w, channels]
        let tokens = self.proj_in.forward(&self.norm.forward(x).flatten(2, 3).transpose(1, 2));
        let tokens = self.proj_out.forward(&self.block.forward(&tokens, context));
        x + tokens.transpose(1, 2).unflatten(2, [height, width])
    }
}

#[derive(Debug)]
struct TransformerBlock {
    norm1: LayerNorm,
    attn1: Attention,
    norm2: LayerNorm,
    attn2: Attention,
    norm3: LayerNorm,
    ff: FeedForward,
}

impl TransformerBlock {
    fn load(loader: &Loader<'_>, width: i64, heads: i64, context_width: i64) -> Result<Self> {
        Ok(Self {
            norm1: LayerNorm::load(&loader.at("norm1"), width, LAYER_NORM_EPS)?,
            attn1: Attention::load(&loader.at("attn1"), width, heads, width)?,
            norm2: LayerNorm::load(&loader.at("norm2"), width, LAYER_NORM_EPS)?,
            attn2: Attention::load(&loader.at("attn2"), width, heads, context_width)?,
            norm3: LayerNorm::load(&loader.at("norm3"), width, LAYER_NORM_EPS)?,
            ff: FeedForward::load(&loader.at("ff"), width)?,
        })
    }

    /// `[batch, h·w, width]` to the same.
    fn forward(&self, x: &Tensor, context: &Tensor) -> Tensor {
        let normed = self.norm1.forward(x);
        let x = x + self.attn1.forward(&normed, &normed);
        let x = &x + self.attn2.forward(&self.norm2.forward(&x), context);
        &x + self.ff.forward(&self.norm3.forward(&x))
    }
}

#[derive(Debug)]
struct Attention {
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Linear,
    heads: i64,
}

impl Attention {
    fn load(loader: &Loader<'_>, width: i64, heads: i64, source_width: i64) -> Result<Self> {
        Ok(Self {
            to_q: Linear::load_without_bias(&loader.at("to_q"), width, width)?,
            to_k: Linear::load_without_bias(&loader.at("to_k"), source_width, width)?,
            to_v: Linear::load_without_bias(&loader.at("to_v"), source_width, width)?,
            to_out: Linear::load(&loader.at("to_out.0"), width, width)?,
            heads,
        })
    }

    /// `x` looks at `source`: itself, or the context.
    fn forward(&self, x: &Tensor, source: &Tensor) -> Tensor {
        let (key, value) = (self.to_k.forward(source), self.to_v.forward(source));
        self.to_out.forward(&attention(&self.to_q.forward(x), &key, &value, self.heads, false))
    }
}

/// A feed-forward layer gated by GELU (Shazeer, "GLU variants improve Transformer").
#[derive(Debug)]
struct FeedForward {
    proj: Linear,
    out: Linear,
}

impl FeedForward {
    fn load(loader: &Loader<'_>, width: i64) -> Result<Self> {
        let inner = width * WIDENING;
        Ok(Self {
            proj: Linear::load(&loader.at("net.0.proj"), width, 2 * inner)?,
            out: Linear::load(&loader.at("net.2"), inner, width)?,
        })
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        let halves = self.proj.forward(x).chunk(2, -1);
        self.out.forward(&(&halves[0] * halves[1].gelu("none")))
    }
}
