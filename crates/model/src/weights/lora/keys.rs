//! The spellings of one tensor's name.
//!
//! | made by | the down matrix of one layer |
//! |---|---|
//! | kohya | `lora_unet_mid_block_attentions_0_proj_in.lora_down.weight` |
//! | diffusers with peft | `unet.mid_block.attentions.0.proj_in.lora_A.weight` |
//! | peft alone | `base_model.model.mid_block.attentions.0.proj_in.lora_A.weight` |
//! | diffusers 0.19 to 0.25 | `unet.mid_block.attentions.0.proj_in.lora.down.weight` |
//! | the same, text encoder | `text_encoder.text_model.….q_proj.lora_linear_layer.down.weight` |
//! | diffusers before | `unet.….attn1.processor.to_q_lora.down.weight` |
//! | lora-diffusion | `unet:135:down`: see [`super::numbered`] |

use super::targets::module;
use crate::weights::Part;

/// What a tensor is to its module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Role {
    /// `[rank, inputs]`
    Down,
    /// `[outputs, rank]`
    Up,
    /// One number.
    Alpha,
}

/// What a key means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    /// A tensor of the module that kohya would call so.
    Named(String, Role),
    /// A tensor of the layer of this number.
    Numbered(Part, usize, Role),
    /// A tensor of an adapter that is more than a LoRA; its kind.
    Foreign(&'static str),
    /// Something else.
    Other,
}

/// Endings and their meaning, the more special ones first.
const ENDINGS: [(&str, Role); 13] = [
    (".lora_down.weight", Role::Down),
    (".lora_up.weight", Role::Up),
    (".lora_A.weight", Role::Down),
    (".lora_B.weight", Role::Up),
    (".lora_A.default.weight", Role::Down),
    (".lora_B.default.weight", Role::Up),
    (".lora_linear_layer.down.weight", Role::Down),
    (".lora_linear_layer.up.weight", Role::Up),
    (".lora.down.weight", Role::Down),
    (".lora.up.weight", Role::Up),
    ("_lora.down.weight", Role::Down),
    ("_lora.up.weight", Role::Up),
    (".alpha", Role::Alpha),
];

/// The last piece of a name, or its beginning up to an underscore, that only other kinds of adapters have. To leave one away would change every picture.
const FOREIGN: [(&str, &str); 9] = [
    ("hada_", "LoHa"),
    ("lokr_", "LoKr"),
    ("oft_", "OFT"),
    ("dora_scale", "DoRA"),
    ("lora_magnitude_vector", "DoRA"),
    ("lora_mid", "LoCon with a core tensor"),
    ("diff", "a difference of whole weights"),
    ("diff_b", "a difference of whole weights"),
    ("on_input", "IA3"),
];

pub(super) fn parse(key: &str) -> Key {
    if let Some(numbered) = numbered(key) {
        return numbered;
    }
    if let Some(kind) = foreign(key) {
        return Key::Foreign(kind);
    }
    let ending = ENDINGS.iter().find_map(|(ending, role)| Some((key.strip_suffix(ending)?, *role)));
    match ending {
        Some((path, role)) => Key::Named(canonical(path), role),
        None => Key::Other,
    }
}

fn foreign(key: &str) -> Option<&'static str> {
    let piece = key.strip_suffix(".weight").unwrap_or(key).rsplit('.').next()?;
    let is = |name: &str| if name.ends_with('_') { piece.starts_with(name) } else { piece == name };
    FOREIGN.iter().find(|(name, _)| is(name)).map(|(_, kind)| *kind)
}

/// kohya's name of the module at `path`.
fn canonical(path: &str) -> String {
    if path.starts_with("lora_") {
        return path.replace('.', "_");
    }
    let path = path.strip_prefix("base_model.model.").unwrap_or(path);
    let (part, path) = match path.split_once('.') {
        Some(("unet", path)) => (Part::Unet, path),
        Some(("text_encoder", path)) => (Part::TextEncoder, path),
        Some(("text_model", _)) => (Part::TextEncoder, path),
        _ => (Part::Unet, path),
    };
    module(part, &attention(part, path))
}

/// diffusers once kept adapters in processors of an attention, under names of their own.
fn attention(part: Part, path: &str) -> String {
    let path = path.replace(".processor.", ".");
    let (place, layer) = path.rsplit_once('.').unwrap_or(("", &path));
    let layer = match (part, layer) {
        (Part::Unet, "to_out") => "to_out.0",
        (Part::TextEncoder, "to_q") => "q_proj",
        (Part::TextEncoder, "to_k") => "k_proj",
        (Part::TextEncoder, "to_v") => "v_proj",
        (Part::TextEncoder, "to_out") => "out_proj",
        (_, layer) => layer,
    };
    format!("{place}.{layer}")
}

fn numbered(key: &str) -> Option<Key> {
    let mut pieces = key.split(':');
    let (part, number, role) = (pieces.next()?, pieces.next()?, pieces.next()?);
    let part = match part {
        "unet" => Part::Unet,
        "text_encoder" => Part::TextEncoder,
        _ => return None,
    };
    let role = match role {
        "down" => Role::Down,
        "up" => Role::Up,
        _ => return None,
    };
    Some(Key::Numbered(part, number.parse().ok()?, role))
}
