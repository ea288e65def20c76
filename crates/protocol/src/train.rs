//! `input.train`: how the concept is trained.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::parameter::parameters;
use crate::value::FromJson;
use crate::{LrScheduler, RequestError, Secret};

/// What the text stage trains besides the text encoder. Its UNet is thrown away in every mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextTraining {
    /// UNet and text encoder together, as the original endpoint does.
    Joint,
    /// The text encoder alone, through a UNet that does not change.
    FrozenUnet,
}

impl FromJson for TextTraining {
    const TYPE: &'static str = "string";
    const CLOSED: bool = true;

    fn expected() -> String {
        "joint or frozen_unet".into()
    }

    fn from_json(value: &Value) -> Option<Self> {
        serde_json::from_value(value.clone()).ok()
    }
}

/// Most optimizer steps of one stage: two days on a good GPU; more is a slip of the keyboard.
pub const STEPS_MAX: u32 = 100_000;

parameters! {
    /// Training parameters; the defaults are the original endpoint's, but for the UNet's resolution (its code had 256,
    /// at which Stable Diffusion 1.5 degrades; its later documentation has 512).
    pub struct TrainParams {
        /// A publicly accessible URL to your zip file containing your data set images. A job must have it; the command
        /// line gives the images by path instead.
        data_url: Option<String> = or(None), if_given(http_url());
        /// A unique name to train your concept with; it becomes the caption of every image, instead of the file names.
        concept_name: Option<String> = or(None), if_given(Check::new("a text of at most 200 characters that is not blank", |name: &String| !name.trim().is_empty() && name.chars().count() <= 200));
        /// Enables offset noise (strength 0.1) in the UNet stage, for style training.
        offset_noise: bool = or(false), anything();
        /// Accepted for compatibility: the scheduler class never changed the original's training.
        pndm_scheduler: bool = or(false), anything();
        /// A Hugging Face repository (`owner/name`) in the diffusers layout to start from.
        hf_model: Option<String> = or(None), if_given(Check::new("a repository name such as owner/name", |name: &String| is_repository(name)));
        /// If the Hugging Face repository is private, your user access token.
        hf_token: Option<Secret> = or(None), anything();
        /// A publicly accessible link to a `.ckpt` or `.safetensors` file to start from.
        ckpt_link: Option<String> = or(None), if_given(http_url());
        /// The number of steps used to train the text encoder; 0 skips the stage.
        text_steps: u32 = or(350), range(0, STEPS_MAX);
        /// The seed used to train the text encoder.
        text_seed: i64 = or(555), range(0, 4_294_967_295);
        /// The number of images in a single step of the text stage.
        text_batch_size: u32 = or(1), range(1, 8);
        /// The resolution of the text stage, in pixels.
        text_resolution: u32 = or(512), multiple(64, 64, 1024);
        /// The learning rate of the text stage.
        text_learning_rate: f64 = or(1e-6), range(0.0, 1.0);
        /// How the learning rate of the text stage changes.
        text_lr_scheduler: LrScheduler = or(LrScheduler::Linear), anything();
        /// 8-bit Adam for the text stage.
        text_8_bit_adam: bool = or(false), only(false, "8-bit Adam is not available in this version");
        /// What the text stage trains: `frozen_unet` (the text encoder through a UNet that does not change) or `joint`.
        text_training: TextTraining = or(TextTraining::FrozenUnet), anything();
        /// The seed used for training the UNet.
        unet_seed: i64 = or(555), range(0, 4_294_967_295);
        /// The number of images that are passed through in a single training step.
        unet_batch_size: u32 = or(1), range(1, 16);
        /// The resolution at which the UNet is trained, in pixels.
        unet_resolution: u32 = or(512), multiple(64, 64, 1024);
        /// The number of passes over the images; steps = epochs x images / batch size, rounded up. 0 skips the stage.
        unet_epochs: u32 = or(150), range(0, 10_000);
        /// The learning rate when training the UNet.
        unet_learning_rate: f64 = or(2e-6), range(0.0, 1.0);
        /// How the learning rate of the UNet stage changes.
        unet_lr_scheduler: LrScheduler = or(LrScheduler::Linear), anything();
        /// 8-bit Adam for the UNet.
        unet_8_bit_adam: bool = or(false), only(false, "8-bit Adam is not available in this version");
    }
}

/// `owner/name` as the Hub allows it.
fn is_repository(name: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    name.split_once('/').is_some_and(|(owner, model)| part(owner) && part(model))
}

impl TrainParams {
    /// [`TrainParams::parse`] for a job: with the rules that concern the whole object.
    ///
    /// # Errors
    /// As `parse`; when `data_url` is missing; and when both `hf_model` and `ckpt_link` are given.
    pub fn parse_job(value: &Value, path: &str) -> Result<Self, RequestError> {
        let params = Self::parse(value, path)?;
        if params.data_url.is_none() {
            return Err(RequestError::Missing {
                path: format!("{path}.data_url"),
                expected: "the URL of a zip file with your images".into(),
            });
        }
        if params.hf_model.is_some() && params.ckpt_link.is_some() {
            return Err(RequestError::Conflict(format!(
                "{path}.hf_model and {path}.ckpt_link are both given; leave one of them out, a training starts from one \
                 model."
            )));
        }
        Ok(params)
    }
}
