//! What a file of tensors is, by their names and shapes, when it is not a whole Stable Diffusion 1.x model in one file.

use super::key_map::{TEXT_PREFIX, UNET_PREFIX, VAE_PREFIX};
use super::tensor_file::{TensorFile, format_error};
use crate::error::Result;

/// What betrays a kind of file.
enum Sign {
    /// A name that begins so.
    Begins(&'static str),
    /// A name with this somewhere in it.
    Contains(&'static str),
    /// This name.
    Is(&'static str),
}

use Sign::{Begins, Contains, Is};

impl Sign {
    fn is_in(&self, names: &[&str]) -> bool {
        names.iter().any(|name| match self {
            Begins(start) => name.starts_with(start),
            Contains(part) => name.contains(part),
            Is(whole) => name == whole,
        })
    }
}

const ONLY_1: &str = "only Stable Diffusion 1.x is supported";
const NOT_WHOLE: &str = "give a full Stable Diffusion 1.x checkpoint";

/// Kinds of other models, the narrower sign first: any one of a row's signs will do.
const OTHER_MODELS: [(&[Sign], &str); 7] = [
    (&[Begins("conditioner.embedders.0.model.")], "a Stable Diffusion XL refiner"),
    (&[Begins("conditioner.embedders.")], "a Stable Diffusion XL model"),
    (&[Begins("cond_stage_model.model.")], "a Stable Diffusion 2.x model"),
    (&[Contains("joint_blocks.")], "a Stable Diffusion 3 model"),
    (&[Contains("double_blocks.")], "a Flux model or one of its kin"),
    (&[Contains("transformer_blocks.0.norm1_context.")], "a diffusion transformer such as Stable Diffusion 3 or Flux"),
    (&[Begins("model.diffusion_model.label_emb.")], "a Stable Diffusion XL or 2.x UNet"),
];

/// Kinds of parts and additions, likewise.
const NO_MODELS: [(&[Sign], &str); 7] = [
    (
        &[Begins("lora_"), Contains(".lora_"), Contains(".hada_w1_"), Contains(".lokr_w")],
        "a LoRA, not a whole model; merge it into one, or",
    ),
    (&[Begins("control_model."), Begins("controlnet_cond_embedding.")], "a ControlNet, not a whole model;"),
    (&[Is("emb_params"), Is("clip_l")], "an embedding (textual inversion), not a model;"),
    (
        &[Is("encoder.conv_in.weight"), Is("decoder.conv_out.weight"), Is("decoder.layers.2.conv.0.weight")],
        "a VAE alone;",
    ),
    (&[Is("3.conv.0.weight")], "half of a tiny VAE (TAESD) alone;"),
    (&[Is("down_blocks.0.resnets.0.conv1.weight")], "a UNet alone, in diffusers' naming; give its whole folder, or"),
    (&[Begins("text_model."), Begins("encoder.layers.0.")], "a text encoder alone;"),
];

/// What UNets read that were made for something else: the latents, and beside them a mask and a masked picture, a picture
/// to edit, or depths.
const WIDENED: [(i64, &str); 3] =
    [(9, "an inpainting model"), (8, "a model that edits pictures by instruction"), (5, "a depth model")];

/// Says what a file is when it is not a whole Stable Diffusion 1.x model.
///
/// # Errors
/// One sentence with the file, what it is, and what would be right.
pub(super) fn require_sd1(file: &dyn TensorFile) -> Result<()> {
    match other_kind(file) {
        Some(reason) => Err(format_error(file.path(), reason)),
        None => Ok(()),
    }
}

fn other_kind(file: &dyn TensorFile) -> Option<String> {
    let names = file.names();
    let find = |kinds: &'static [(&[Sign], &'static str)]| {
        kinds.iter().find(|(signs, _)| signs.iter().any(|sign| sign.is_in(&names))).map(|(_, words)| *words)
    };
    if let Some(words) = find(&OTHER_MODELS) {
        return Some(format!("it is {words}; {ONLY_1}"));
    }
    let has = |prefix| Begins(prefix).is_in(&names);
    if !has(UNET_PREFIX) {
        let words = find(&NO_MODELS).or_else(|| is_embedding(file, &names).then_some("an embedding, not a model;"));
        return Some(match words {
            Some(words) => format!("it is {words} {NOT_WHOLE}"),
            None if has(VAE_PREFIX) => format!("it is a VAE alone; {NOT_WHOLE}"),
            None => format!("it has no UNet ({UNET_PREFIX}*); {NOT_WHOLE} in the original naming"),
        });
    }
    if let Some(kind) = widened(file) {
        return Some(format!("it is {kind}; {ONLY_1}, and of it models that draw from text alone"));
    }
    if !has(TEXT_PREFIX) {
        return Some(format!("it has no text encoder ({TEXT_PREFIX}*); {NOT_WHOLE}"));
    }
    if !has(VAE_PREFIX) {
        return Some(format!("it has no VAE ({VAE_PREFIX}*); give a checkpoint with the VAE baked in"));
    }
    None
}

/// diffusers' kind of textual inversion has no name of its own: a few vectors, as wide as a token's.
fn is_embedding(file: &dyn TensorFile, names: &[&str]) -> bool {
    const WIDTHS: [i64; 3] = [768, 1024, 1280];
    let is_vectors = |name: &&str| {
        file.shape(name).is_some_and(|shape| shape.len() <= 2 && shape.last().is_some_and(|side| WIDTHS.contains(side)))
    };
    names.len() <= 4 && names.iter().all(is_vectors)
}

fn widened(file: &dyn TensorFile) -> Option<String> {
    let &[_, channels, ..] = file.shape(&format!("{UNET_PREFIX}input_blocks.0.0.weight"))? else { return None };
    let (_, kind) = WIDENED.iter().find(|(count, _)| *count == channels)?;
    Some(format!("{kind} (its UNet reads {channels} channels)"))
}
