//! The model before the first step: drawn from a seed, with a fine-tuned autoencoder.

use std::path::Path;

use engine::tch::{Device, Kind, Tensor};
use model::config::HeadCounts;
use model::weights::named_tensors::NamedTensorFile;
use model::weights::{ExportNotes, Overlay, RandomSource, export};
use model::{BaseModel, ModelConfig, ModelReference, Part, ScheduleConfig, TextConfig, UNetConfig, Vae, VaeConfig};

use sha2::{Digest, Sha256};

use crate::error::{Result, made_by};

/// The name of the miniature in files that hold it.
pub const NAME: &str = "toyworld-mini";

/// The miniature's sizes: a Stable Diffusion 1.x with TAESD in place of its autoencoder, at every level of whose UNet the
/// caption is attended to. Heads are 32 channels wide.
#[must_use]
pub fn sizes() -> ModelConfig {
    let (down, up) = ("CrossAttnDownBlock2D".to_owned(), "CrossAttnUpBlock2D".to_owned());
    ModelConfig {
        text: TextConfig {
            hidden_size: 128,
            intermediate_size: 512,
            num_hidden_layers: 4,
            num_attention_heads: 4,
            ..TextConfig::sd15()
        },
        unet: UNetConfig {
            block_out_channels: vec![64, 128, 192],
            down_block_types: vec![down; 3],
            up_block_types: vec![up; 3],
            layers_per_block: 1,
            cross_attention_dim: 128,
            attention_head_dim: HeadCounts::Each(vec![2, 4, 6]),
            ..UNetConfig::sd15()
        },
        vae: VaeConfig::taesd(),
        schedule: ScheduleConfig::sd15(),
    }
}

/// Writes a model whose text encoder and UNet are drawn from `seed`, with the autoencoder that is kept in `autoencoder`.
///
/// # Errors
/// When the autoencoder cannot be read, or the model not written.
pub fn draw(path: &Path, seed: u64, autoencoder: &Path) -> Result<()> {
    made_by("autoencoder", autoencoder)?;
    let config = sizes();
    let weights = RandomSource::new(seed);
    let overlay = Overlay::new(&weights).with(Part::Vae, &all(autoencoder)?);
    export(path, &config, &overlay, &notes())?;
    Ok(())
}

/// Writes the model `base` with other weights in place of its own.
///
/// # Errors
/// When it cannot be read or written.
pub fn with_trained(
    path: &Path,
    base: &BaseModel,
    text_encoder: &[(String, Tensor)],
    unet: &[(String, Tensor)],
) -> Result<()> {
    let overlay = Overlay::new(base.weights()).with(Part::TextEncoder, text_encoder).with(Part::Unet, unet);
    export(path, base.config(), &overlay, &notes())?;
    Ok(())
}

/// A name for the weights of an autoencoder: a SHA-256 of them all.
///
/// # Errors
/// When they cannot be read from the device.
pub fn encoder_name(vae: &Vae) -> Result<String> {
    let mut hasher = Sha256::new();
    for (name, tensor) in vae.parameters() {
        let tensor = tensor.to_device(Device::Cpu).to_kind(Kind::Float).contiguous();
        let mut bytes = vec![0; tensor.numel() * size_of::<f32>()];
        tensor.f_copy_data_u8(&mut bytes, tensor.numel())?;
        hasher.update(name);
        hasher.update(&bytes);
    }
    Ok(hex::encode(hasher.finalize()))
}

/// The autoencoder that is kept in a file, in f32.
///
/// # Errors
/// When it cannot be read.
pub fn autoencoder(path: &Path, device: Device) -> Result<Vae> {
    let weights = RandomSource::new(0);
    let overlay = Overlay::new(&weights).with(Part::Vae, &all(path)?);
    Ok(Vae::load(&sizes().vae, model::Loader::new(&overlay, Part::Vae, device, Kind::Float))?)
}

/// Opens one of a run's models.
///
/// # Errors
/// When it cannot be read.
pub fn open(path: &Path) -> Result<BaseModel> {
    Ok(BaseModel::open(&ModelReference::File(path.to_owned()))?)
}

fn all(path: &Path) -> Result<Vec<(String, Tensor)>> {
    let file = NamedTensorFile::open(path)?;
    let read = |name: &str| Ok((name.to_owned(), file.tensor(name)?));
    file.names().into_iter().map(read).collect()
}

pub(crate) fn notes() -> ExportNotes {
    let side = i64::from(crate::recipe::SIDE);
    ExportNotes {
        base_model: Some(NAME.to_owned()),
        resolution: Some((side, side)),
        ema: true,
        ..ExportNotes::default()
    }
}
