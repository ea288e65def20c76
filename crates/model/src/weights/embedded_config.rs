//! A model's whole configuration inside a single file, so that what was trained with a setting is drawn with it: most of
//! them leave no trace in the shapes of tensors.
//!
//! An export writes [`ModelConfig`] as JSON text under [`KEY`]: in a `.safetensors` file into `__metadata__`, in a `.ckpt`
//! beside `state_dict`. Other programs ignore it. A file from elsewhere may claim anything there, so it is bounded, checked
//! as a folder's files are, and held against the sizes that the tensors have.

use crate::config::{ModelConfig, VaeConfig};

/// The name of the entry in either format.
pub const KEY: &str = "dreambooth.model_config";

/// Longest text that is read; SD 1.5's has 2 kB.
const MAX_BYTES: usize = 64 << 10;

/// The text that goes into a file.
pub(super) fn write(config: &ModelConfig) -> Result<String, String> {
    serde_json::to_string(config).map_err(|error| error.to_string())
}

/// The configuration that a file's text describes; `inferred` is what its tensors show. The error is a reason for a person.
pub(super) fn read(text: &str, inferred: &ModelConfig) -> Result<ModelConfig, String> {
    let config = parse(text).and_then(|config| agree(&config, inferred).map(|()| config));
    config.map_err(|reason| format!("its entry {KEY} cannot be used: {reason}; export the model again"))
}

fn parse(text: &str) -> Result<ModelConfig, String> {
    if text.len() > MAX_BYTES {
        return Err(format!("it is longer than {MAX_BYTES} bytes"));
    }
    let config: ModelConfig = serde_json::from_str(text).map_err(|error| error.to_string())?;
    config.check()?;
    Ok(config)
}

/// Everything that follows from shapes must be what the shapes say.
fn agree(config: &ModelConfig, shapes: &ModelConfig) -> Result<(), String> {
    let (text, unet) = (&config.text, &config.unet);
    same("text_encoder.vocab_size", &text.vocab_size, &shapes.text.vocab_size)?;
    same("text_encoder.hidden_size", &text.hidden_size, &shapes.text.hidden_size)?;
    same("text_encoder.intermediate_size", &text.intermediate_size, &shapes.text.intermediate_size)?;
    same("text_encoder.num_hidden_layers", &text.num_hidden_layers, &shapes.text.num_hidden_layers)?;
    let positions = shapes.text.max_position_embeddings;
    same("text_encoder.max_position_embeddings", &text.max_position_embeddings, &positions)?;
    same("unet.in_channels", &unet.in_channels, &shapes.unet.in_channels)?;
    same("unet.out_channels", &unet.out_channels, &shapes.unet.out_channels)?;
    same("unet.block_out_channels", &unet.block_out_channels, &shapes.unet.block_out_channels)?;
    same("unet.down_block_types", &unet.down_block_types, &shapes.unet.down_block_types)?;
    same("unet.up_block_types", &unet.up_block_types, &shapes.unet.up_block_types)?;
    same("unet.layers_per_block", &unet.layers_per_block, &shapes.unet.layers_per_block)?;
    same("unet.cross_attention_dim", &unet.cross_attention_dim, &shapes.unet.cross_attention_dim)?;
    same("unet.use_linear_projection", &unet.use_linear_projection, &shapes.unet.use_linear_projection)?;
    agree_on_vae(&config.vae, &shapes.vae)
}

fn agree_on_vae(vae: &VaeConfig, shapes: &VaeConfig) -> Result<(), String> {
    match (vae, shapes) {
        (VaeConfig::Kl(vae), VaeConfig::Kl(shapes)) => {
            same("vae.in_channels", &vae.in_channels, &shapes.in_channels)?;
            same("vae.out_channels", &vae.out_channels, &shapes.out_channels)?;
            same("vae.latent_channels", &vae.latent_channels, &shapes.latent_channels)?;
            same("vae.block_out_channels", &vae.block_out_channels, &shapes.block_out_channels)?;
            same("vae.layers_per_block", &vae.layers_per_block, &shapes.layers_per_block)
        }
        (VaeConfig::Tiny(vae), VaeConfig::Tiny(shapes)) => {
            let (encoder, decoder) = (&shapes.encoder_block_out_channels, &shapes.decoder_block_out_channels);
            same("vae.in_channels", &vae.in_channels, &shapes.in_channels)?;
            same("vae.out_channels", &vae.out_channels, &shapes.out_channels)?;
            same("vae.latent_channels", &vae.latent_channels, &shapes.latent_channels)?;
            same("vae.encoder_block_out_channels", &vae.encoder_block_out_channels, encoder)?;
            same("vae.decoder_block_out_channels", &vae.decoder_block_out_channels, decoder)?;
            same("vae.num_encoder_blocks", &vae.num_encoder_blocks, &shapes.num_encoder_blocks)?;
            same("vae.num_decoder_blocks", &vae.num_decoder_blocks, &shapes.num_decoder_blocks)
        }
        _ => same("vae._class_name", &vae.class().as_str(), &shapes.class().as_str()),
    }
}

fn same<T: PartialEq + std::fmt::Debug>(key: &str, said: &T, shown: &T) -> Result<(), String> {
    if said == shown { Ok(()) } else { Err(format!("it says {key} is {said:?}, but the tensors show {shown:?}")) }
}
