//! Files of lora-diffusion (<https://github.com/cloneofsimo/lora>), which number a network's layers instead of naming them.
//!
//! A number counts the linear layers inside modules of the listed classes, in the order in which PyTorch walks through the
//! network of the diffusers of that time: the feed-forward between the two attentions, the middle block behind the others.

use crate::config::ModelConfig;
use crate::weights::Part;

/// The classes whose layers a file changes, as its metadata lists them in JSON; `None` where it lists nothing.
pub(super) fn classes(part: Part, listed: Option<&str>) -> Result<Vec<String>, String> {
    let usual: &[&str] = match part {
        Part::TextEncoder => &["CLIPAttention"],
        Part::Unet | Part::Vae => &["CrossAttention", "Attention", "GEGLU"],
    };
    let classes: Vec<String> = match listed {
        Some(text) => serde_json::from_str(text).map_err(|error| format!("its list of classes is damaged: {error}"))?,
        None => usual.iter().map(|&class| class.to_owned()).collect(),
    };
    match classes.iter().find(|class| !usual.contains(&class.as_str())) {
        Some(class) => Err(format!("it changes layers of {class}; only those of {} are known", usual.join(", "))),
        None => Ok(classes),
    }
}

/// The paths of the layers in the order of their numbers.
pub(super) fn layers(config: &ModelConfig, part: Part, classes: &[String]) -> Vec<String> {
    let has = |name: &str| classes.iter().any(|class| class == name);
    match part {
        Part::TextEncoder if has("CLIPAttention") => text_encoder(config),
        Part::Unet => unet(config, has("CrossAttention") || has("Attention"), has("GEGLU")),
        Part::TextEncoder | Part::Vae => Vec::new(),
    }
}

fn text_encoder(config: &ModelConfig) -> Vec<String> {
    let layer = |number| {
        ["k_proj", "v_proj", "q_proj", "out_proj"]
            .map(|name| format!("text_model.encoder.layers.{number}.self_attn.{name}"))
    };
    (0..config.text.num_hidden_layers).flat_map(layer).collect()
}

fn unet(config: &ModelConfig, attends: bool, feeds: bool) -> Vec<String> {
    let unet = &config.unet;
    let levels = 0..unet.block_out_channels.len();
    let blocks = |side: &'static str, block: usize, layers: i64| {
        (0..layers).map(move |layer| format!("{side}.{block}.attentions.{layer}"))
    };
    let down = levels.clone().filter(|&block| unet.down_attends(block));
    let down = down.flat_map(|block| blocks("down_blocks", block, unet.layers_per_block));
    let up = levels.filter(|&block| unet.up_attends(block));
    let up = up.flat_map(|block| blocks("up_blocks", block, unet.layers_per_block + 1));
    let middle = std::iter::once("mid_block.attentions.0".to_owned());
    down.chain(up).chain(middle).flat_map(|place| transformer(&place, attends, feeds)).collect()
}

/// The layers of the transformer at `place`.
fn transformer(place: &str, attends: bool, feeds: bool) -> Vec<String> {
    let attention = |name: &str| {
        let layers = ["to_q", "to_k", "to_v", "to_out.0"].map(|layer| format!("{name}.{layer}"));
        layers.into_iter().filter(|_| attends).collect::<Vec<_>>()
    };
    let feed_forward = feeds.then(|| "ff.net.0.proj".to_owned());
    let layers = attention("attn1").into_iter().chain(feed_forward).chain(attention("attn2"));
    layers.map(|layer| format!("{place}.transformer_blocks.0.{layer}")).collect()
}
