//! The networks' sizes, read off the tensor shapes of a single file that says nothing of its own configuration.
//!
//! # Rules
//! - Channels, layers, blocks, widths and the vocabulary follow from shapes and from which names exist.
//! - What leaves no trace in a shape is what every Stable Diffusion 1.x model has: 8 heads in the UNet, 32 groups in
//!   every group norm, quick GELU, the scaled-linear schedule of 1,000 steps, epsilon prediction, latents times 0.18215.
//! - The text encoder's heads are 64 wide, as in every CLIP text model; a narrower one has a single head.

use super::inferred_vae::vae;
use super::key_map::{TEXT_PREFIX, UNET_PREFIX};
use crate::config::{HeadCounts, ModelConfig, ScheduleConfig, TextConfig, UNetConfig};

/// Answers the shape of a tensor by its original name.
pub(super) type Shapes<'a> = dyn Fn(&str) -> Option<Vec<i64>> + 'a;

/// Bound of every search below, so that a hostile file cannot keep it going.
const MAX_BLOCKS: usize = 256;

/// Width of one attention head of CLIP's text model.
const TEXT_HEAD_SIZE: i64 = 64;

/// Infers all sizes and assumes the rest, without a check of the whole; the error is a reason for a person.
pub(super) fn infer(shapes: &Shapes<'_>) -> Result<ModelConfig, String> {
    Ok(ModelConfig { text: text(shapes)?, unet: unet(shapes)?, vae: vae(shapes)?, schedule: ScheduleConfig::sd15() })
}

fn text(shapes: &Shapes<'_>) -> Result<TextConfig, String> {
    let name = |rest: &str| format!("{TEXT_PREFIX}text_model.{rest}");
    let [vocab_size, hidden_size] = sides(shapes, &name("embeddings.token_embedding.weight"))?;
    let [max_position_embeddings, _] = sides(shapes, &name("embeddings.position_embedding.weight"))?;
    let [intermediate_size, _] = sides(shapes, &name("encoder.layers.0.mlp.fc1.weight"))?;
    let layers = count(|layer| shapes(&name(&format!("encoder.layers.{layer}.mlp.fc1.weight"))).is_some());
    Ok(TextConfig {
        vocab_size,
        hidden_size,
        intermediate_size,
        num_hidden_layers: layers as i64,
        num_attention_heads: (hidden_size / TEXT_HEAD_SIZE).max(1),
        max_position_embeddings,
        ..TextConfig::sd15()
    })
}

fn unet(shapes: &Shapes<'_>) -> Result<UNetConfig, String> {
    let name = |rest: &str| format!("{UNET_PREFIX}{rest}");
    let has = |rest: &str| shapes(&name(rest)).is_some();
    let [_, in_channels, _, _] = sides(shapes, &name("input_blocks.0.0.weight"))?;
    let [out_channels, _, _, _] = sides(shapes, &name("out.2.weight"))?;
    // Input block 0 is `conv_in`; every further one is a layer, and between resolutions there is a downsampler.
    let is_downsampler = |block: usize| has(&format!("input_blocks.{block}.0.op.weight"));
    let layers = count(|layer| has(&format!("input_blocks.{}.0.in_layers.2.weight", layer + 1)));
    let stride = layers + 1;
    let levels = 1 + count(|level| is_downsampler(stride * (level + 1)));
    let mut block_out_channels = Vec::with_capacity(levels);
    for level in 0..levels {
        let [channels, ..]: [i64; 4] =
            sides(shapes, &name(&format!("input_blocks.{}.0.out_layers.3.weight", stride * level + 1)))?;
        block_out_channels.push(channels);
    }
    let attends =
        |side: &str, block: usize| has(&format!("{side}_blocks.{block}.1.transformer_blocks.0.attn2.to_k.weight"));
    let types = |side: &str, kind: &str, first: usize| -> Vec<String> {
        let kind_of = |level: usize| match attends(side, stride * level + first) {
            true => format!("CrossAttn{kind}"),
            false => kind.to_owned(),
        };
        (0..levels).map(kind_of).collect()
    };
    let [_, cross_attention_dim] = sides(shapes, &name("middle_block.1.transformer_blocks.0.attn2.to_k.weight"))?;
    let projection = shapes(&name("middle_block.1.proj_in.weight"));
    Ok(UNetConfig {
        in_channels,
        out_channels,
        down_block_types: types("input", "DownBlock2D", 1),
        up_block_types: types("output", "UpBlock2D", 0),
        block_out_channels,
        layers_per_block: layers as i64,
        cross_attention_dim,
        attention_head_dim: HeadCounts::All(8),
        use_linear_projection: projection.is_some_and(|shape| shape.len() == 2),
        ..UNetConfig::sd15()
    })
}

/// How many numbers from 0 upwards have the property.
pub(super) fn count(has: impl Fn(usize) -> bool) -> usize {
    (0..MAX_BLOCKS).take_while(|number| has(*number)).count()
}

pub(super) fn sides<const N: usize>(shapes: &Shapes<'_>, name: &str) -> Result<[i64; N], String> {
    let shape =
        shapes(name).ok_or_else(|| format!("it has no tensor {name}, so it is not a Stable Diffusion 1.x model"))?;
    shape.try_into().map_err(|shape| format!("tensor {name} has shape {shape:?}; {N} sides are expected"))
}
