//! `input.train`: how the concept is trained, and where the photos and the base model come from.

use names::names;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::limit::Pattern;
use crate::parameter::{Parameter, object, parameters, refuse_unknown};
use crate::value::named_fields;
use crate::{LrScheduler, RequestError, Secret, SecretUrl};

names! {
    /// What the text stage trains besides the text encoder. Its UNet is thrown away in every mode.
    pub enum TextTraining: "mode of the text stage" {
        /// UNet and text encoder together, as the original endpoint does.
        Joint = "joint",
        /// The text encoder alone, through a UNet that does not change.
        FrozenUnet = "frozen_unet",
    }
}

named_fields!(TextTraining);

/// Most optimizer steps of one stage: two days on a good GPU; more is a slip of the keyboard.
pub const STEPS_MAX: u32 = 100_000;
/// Longest concept name: it is a caption, of which the text encoder reads 75 tokens.
pub const CONCEPT_CHARS_MAX: usize = 200;
/// Longest access token; a hub's have some forty characters.
pub const TOKEN_CHARS_MAX: usize = 512;

const NO_8_BIT_ADAM: &str = "8-bit Adam is not available in this version";

/// `owner/name` as the Hub allows it.
pub const REPOSITORY: Pattern = Pattern {
    regex: r"^[A-Za-z0-9_-][A-Za-z0-9._-]*/[A-Za-z0-9_-][A-Za-z0-9._-]*$",
    max_chars: 200,
    words: "a repository name such as owner/name",
    example: "runwayml/stable-diffusion-v1-5",
};

parameters! {
    /// Where the photos and the base model come from, as the request says it.
    pub(crate) struct TrainOrigin {
        /// A publicly accessible URL to your zip file containing your data set images. A job must have it; the command
        /// line gives the images by path instead.
        data_url: Option<SecretUrl> = or(None), anything();
        /// A Hugging Face repository (`owner/name`) in the diffusers layout to start from.
        hf_model: Option<String> = or(None), Limit::Pattern(&REPOSITORY);
        /// If the Hugging Face repository is private, your user access token.
        hf_token: Option<Secret> = or(None), text(TOKEN_CHARS_MAX);
        /// A publicly accessible link to a `.ckpt` or `.safetensors` file to start from.
        ckpt_link: Option<SecretUrl> = or(None), anything();
    }
}

parameters! {
    /// How to train; the defaults are the original endpoint's, but for the UNet's resolution (its code had 256, at which
    /// Stable Diffusion 1.5 degrades; its later documentation has 512). Nothing in it is secret: it may be echoed, stored
    /// and reported.
    #[derive(Serialize, Deserialize)]
    pub struct TrainSettings {
        /// A unique name to train your concept with; it becomes the caption of every image, instead of the file names.
        concept_name: Option<String> = or(None), no_blank(CONCEPT_CHARS_MAX);
        /// Enables offset noise (strength 0.1) in the UNet stage, for style training.
        offset_noise: bool = or(false), anything();
        /// Accepted for compatibility: the scheduler class never changed the original's training.
        pndm_scheduler: bool = or(false), anything();
        /// The number of steps used to train the text encoder; 0 skips the stage.
        text_steps: u32 = or(350), range(0, STEPS_MAX);
        /// The seed used to train the text encoder.
        text_seed: i64 = or(555), range(0, u32::MAX);
        /// The number of images in a single step of the text stage.
        text_batch_size: u32 = or(1), range(1, 8);
        /// The resolution of the text stage, in pixels.
        text_resolution: u32 = or(512), multiple(64, 64, 1024);
        /// The learning rate of the text stage.
        text_learning_rate: f64 = or(1e-6), range(0, 1);
        /// How the learning rate of the text stage changes.
        text_lr_scheduler: LrScheduler = or(LrScheduler::Linear), anything();
        /// 8-bit Adam for the text stage.
        text_8_bit_adam: bool = or(false), only([false], NO_8_BIT_ADAM);
        /// What the text stage trains: `frozen_unet` (the text encoder through a UNet that does not change) or `joint`.
        text_training: TextTraining = or(TextTraining::FrozenUnet), anything();
        /// The seed used for training the UNet.
        unet_seed: i64 = or(555), range(0, u32::MAX);
        /// The number of images that are passed through in a single training step.
        unet_batch_size: u32 = or(1), range(1, 16);
        /// The resolution at which the UNet is trained, in pixels.
        unet_resolution: u32 = or(512), multiple(64, 64, 1024);
        /// The number of passes over the images; steps = epochs x images / batch size, rounded up. 0 skips the stage.
        unet_epochs: u32 = or(150), range(0, 10_000);
        /// The learning rate when training the UNet.
        unet_learning_rate: f64 = or(2e-6), range(0, 1);
        /// How the learning rate of the UNet stage changes.
        unet_lr_scheduler: LrScheduler = or(LrScheduler::Linear), anything();
        /// 8-bit Adam for the UNet.
        unet_8_bit_adam: bool = or(false), only([false], NO_8_BIT_ADAM);
    }
}

/// Every field of `input.train`, in the order of the documentation.
pub fn train_table() -> Vec<Parameter> {
    TrainOrigin::table().iter().chain(TrainSettings::table()).cloned().collect()
}

/// Takes `input.train`, which stands at `path`, apart into settings and origin.
fn parse(value: Value, path: &str) -> Result<(TrainSettings, TrainOrigin), RequestError> {
    let mut fields = object(value, path, "an object")?;
    let origin = TrainOrigin::take(&mut fields, path)?;
    let settings = TrainSettings::take(&mut fields, path)?;
    let known: Vec<&str> = TrainOrigin::table().iter().chain(TrainSettings::table()).map(|row| row.name).collect();
    refuse_unknown(&fields, path, &known)?;
    Ok((settings, origin))
}

/// `input.train` of a job: with the rules that concern the whole object.
///
/// # Errors
/// One sentence that names the field; also when `data_url` is missing, or both `hf_model` and `ckpt_link` are given.
pub(crate) fn parse_job(value: Value, path: &str) -> Result<(TrainSettings, TrainOrigin), RequestError> {
    let (settings, origin) = parse(value, path)?;
    if origin.data_url.is_none() {
        return Err(RequestError::Missing {
            path: format!("{path}.data_url"),
            expected: "the URL of a zip file with your images".into(),
        });
    }
    if origin.hf_model.is_some() && origin.ckpt_link.is_some() {
        return Err(RequestError::Conflict(format!(
            "{path}.hf_model and {path}.ckpt_link are both given; leave one of them out, a training starts from one model."
        )));
    }
    Ok((settings, origin))
}

impl TrainSettings {
    /// The settings in an `input.train` that stands at `path`; the fields that say where bytes come from may be there and
    /// do not count, because whoever calls has the bytes.
    ///
    /// # Errors
    /// One sentence that names the field.
    pub fn parse_alone(value: Value, path: &str) -> Result<Self, RequestError> {
        parse(value, path).map(|(settings, _)| settings)
    }
}
