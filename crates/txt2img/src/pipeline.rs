//! From parameters to pictures.

use engine::tch::{Device, Kind, Tensor};
use engine::{Precision, no_grad};
use model::tokenizer::{EOS, SEQUENCE_LENGTH};
use model::{BaseModel, NoiseSchedule, TextConfig, TextEncoder, Tokenizer, UNet, Vae};
use protocol::{Occasion, Stage, Txt2ImgParams};
use serde_json::Value;

use crate::error::{Result, Txt2ImgError};
use crate::info::{Resolved, info};
use crate::picture::Picture;
use crate::seeds::resolve;
use crate::studio::{Conditioning, Sitting, Studio};

/// Tokens of a prompt that the model reads: its sequence without the begin and end marks.
const TEXT_TOKENS_MAX: usize = SEQUENCE_LENGTH - 2;

/// A model ready to draw.
#[derive(Debug)]
pub struct Pipeline {
    name: String,
    tokenizer: Tokenizer,
    text_encoder: TextEncoder,
    unet: UNet,
    vae: Vae,
    schedule: NoiseSchedule,
    device: Device,
    compute: Kind,
}

/// What is said of a request's pictures: two of the web UI's three parts. The third, the pictures themselves, was handed
/// out one by one.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawing {
    /// The request with its defaults filled in.
    pub parameters: Value,
    /// JSON text with what was resolved.
    pub info: String,
}

impl Pipeline {
    /// Loads the networks. UNet and text encoder compute in `precision`; the VAE and the sampler's state stay f32.
    ///
    /// # Errors
    /// When a weight is missing, damaged or of another shape, or the text encoder is not CLIP's size.
    pub fn load(base: &BaseModel, device: Device, precision: Precision) -> Result<Self> {
        let compute = precision.kind();
        refuse_small_vocabulary(&base.config().text)?;
        Ok(Self {
            name: base.name(),
            tokenizer: base.tokenizer(),
            text_encoder: base.text_encoder(device, compute)?,
            unet: base.unet(device, compute)?,
            vae: base.vae(device, Kind::Float)?,
            schedule: base.schedule(),
            device,
            compute,
        })
    }

    /// Draws every image of the request, which stands at `item` of `input.inference`, and hands each to `keep` with its
    /// index as soon as it is finished: memory does not grow with their number. An image depends on its seed and the
    /// parameters alone, not on its batch.
    ///
    /// # Errors
    /// When a network fails or gives no finite number; [`Txt2ImgError::Stopped`] at the step after the occasion says so; and
    /// `keep`'s own.
    pub fn draw<E: From<Txt2ImgError>>(
        &self,
        params: &Txt2ImgParams,
        item: usize,
        occasion: &mut Occasion<'_>,
        mut keep: impl FnMut(usize, Picture) -> std::result::Result<(), E>,
    ) -> std::result::Result<Drawing, E> {
        let first_seed = resolve(params.seed, occasion.draw_seed);
        let first_subseed = resolve(params.subseed, occasion.draw_seed);
        let images = u64::from(params.images());
        let seeds: Vec<u64> = (first_seed..first_seed + images).collect();
        let subseeds: Vec<u64> = (first_subseed..first_subseed + images).collect();

        let field = |name: &str| format!("input.inference[{item}].{name}");
        let negative =
            self.encode(params.negative_prompt.as_deref().unwrap_or(""), &field("negative_prompt"), occasion);
        let positive = self.encode(&params.prompt, &field("prompt"), occasion);
        let (studio, conditioning) = (self.studio(), Conditioning { negative, positive });
        let steps = studio.steps(params) as u64 * u64::from(params.n_iter);
        let meter = occasion.meter(Stage::Inference, steps);
        let (mut step, mut infotexts) = (0, Vec::with_capacity(seeds.len()));
        for batch in seeds.chunks(params.batch_size as usize) {
            let stop = occasion.stop;
            let on_step = &mut |_| {
                step += 1;
                occasion.step(&meter, step, None);
            };
            studio.draw(params, &conditioning, batch, Sitting { stop, on_step }, |picture| {
                infotexts.push(picture.infotext.clone());
                keep(infotexts.len() - 1, picture)
            })?;
        }
        let resolved = Resolved {
            seeds: &seeds,
            subseeds: &subseeds,
            infotexts: &infotexts,
            model: &self.name,
            job_timestamp: &occasion.job_timestamp,
        };
        Ok(Drawing { parameters: echo(params), info: info(params, &resolved) })
    }

    fn studio(&self) -> Studio<'_> {
        Studio {
            name: &self.name,
            unet: &self.unet,
            vae: &self.vae,
            schedule: &self.schedule,
            device: self.device,
            compute: self.compute,
        }
    }

    /// The text encoder's states, `[1, 77, width]`.
    fn encode(&self, text: &str, field: &str, occasion: &mut Occasion<'_>) -> Tensor {
        let tokens = self.tokenizer.encode(text).len();
        if tokens > TEXT_TOKENS_MAX {
            occasion.warn(format!(
                "{field} has {tokens} tokens; the model reads the first {TEXT_TOKENS_MAX} and the rest was left out."
            ));
        }
        let ids = Tensor::from_slice(&self.tokenizer.encode_padded(text)).unsqueeze(0).to_device(self.device);
        no_grad(|| self.text_encoder.forward(&ids, self.compute))
    }
}

/// Token ids beyond a model's tables must not reach libtorch.
fn refuse_small_vocabulary(config: &TextConfig) -> Result<()> {
    let (tokens, positions) = (config.vocab_size, config.max_position_embeddings);
    if tokens <= EOS || positions < SEQUENCE_LENGTH as i64 {
        return Err(Txt2ImgError::TextEncoder { tokens, positions });
    }
    Ok(())
}

/// The request as it is echoed: with defaults, without what only the wrapper around the web UI knows.
fn echo(params: &Txt2ImgParams) -> Value {
    let mut echo = serde_json::to_value(params).unwrap_or_default();
    if let Some(fields) = echo.as_object_mut() {
        fields.shift_remove("passback");
    }
    echo
}
