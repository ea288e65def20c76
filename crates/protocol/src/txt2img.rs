//! One object of `input.inference`: what to draw, with the field names of the web UI's `txt2img`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::parameter::parameters;
use crate::{RequestError, SamplerChoice, SamplerName, SchedulerName};

/// Longest prompt: 250 chunks of the 75 tokens that the text encoder reads at once.
pub const PROMPT_CHARS_MAX: usize = 20_000;
/// Most styles of one item; the web UI's list is rarely longer.
pub const STYLES_MAX: usize = 100;
/// Longest name of a style, an upscaler or a script.
pub const NAME_CHARS_MAX: usize = 200;
/// Largest `passback`: it comes back with every answer.
pub const PASSBACK_BYTES_MAX: usize = 64 << 10;
/// Most images one item may ask for (batch_size x n_iter), so that an answer stays a page and not a disk.
pub const IMAGES_MAX: u32 = 256;

const NO_HIRES: &str = "hires fix is not available in this version";
const NO_VARIATION: &str = "variation seeds are not available in this version";

parameters! {
    /// Parameters of `txt2img`, in the order in which the response echoes them; the defaults are the original endpoint's.
    #[derive(Serialize, Deserialize)]
    pub struct Txt2ImgParams {
        /// Toggle for hires fix.
        enable_hr: bool = or(false), only([false], NO_HIRES);
        /// Strength of the hires fix's second pass; without `enable_hr` it is only echoed.
        denoising_strength: f64 = or(0.0), range(0.0, 1.0);
        /// Width of the hires fix's first pass.
        firstphase_width: u32 = or(0), only([0], NO_HIRES);
        /// Height of the hires fix's first pass.
        firstphase_height: u32 = or(0), only([0], NO_HIRES);
        /// Hires fix: target size as a multiple of the first pass.
        hr_scale: f64 = or(2.0), range(0.0, 8.0);
        /// Hires fix: the upscaler's name.
        hr_upscaler: Option<String> = or(None), text(NAME_CHARS_MAX);
        /// Hires fix: steps of the second pass; 0 means `steps`.
        hr_second_pass_steps: u32 = or(0), range(0, 1000);
        /// Hires fix: target width in pixels; 0 means by `hr_scale`.
        hr_resize_x: u32 = or(0), range(0, 4096);
        /// Hires fix: target height in pixels; 0 means by `hr_scale`.
        hr_resize_y: u32 = or(0), range(0, 4096);
        /// The prompt that is used for the generation of the image.
        prompt: String = required(), text(PROMPT_CHARS_MAX);
        /// Names of styles; unknown names are ignored, as the web UI does, and this version knows none.
        styles: Vec<String> = or(Vec::new()), Limit::Items { max_items: STYLES_MAX, max_chars: NAME_CHARS_MAX };
        /// Seed of the first image; the next ones count up from it. -1 draws one.
        seed: i64 = or(-1), range(-1, u32::MAX);
        /// Variation seed.
        subseed: i64 = or(-1), range(-1, u32::MAX);
        /// Strength of the variation seed.
        subseed_strength: f64 = or(0.0), only([0.0], NO_VARIATION);
        /// Height the noise is drawn at; 0 or -1 means the image's own.
        seed_resize_from_h: i64 = or(-1), only([0, -1], "seed resizing is not available in this version");
        /// Width the noise is drawn at; 0 or -1 means the image's own.
        seed_resize_from_w ["seed_resized_from_w"]: i64 = or(-1), only([0, -1], "seed resizing is not available in this version");
        /// The sampler, upper and lower case alike, also by the web UI's aliases; a schedule may follow (`DPM++ 2M Karras`). Null means `sampler_index`.
        sampler_name: Option<SamplerChoice> = or(Some(SamplerName::Euler.into())), anything();
        /// How the noise levels are spaced; Automatic and null mean what the sampler's name ends in, else what the table of samplers says. Samplers with steps of their own ignore it.
        scheduler: Option<SchedulerName> = or(None), anything();
        /// Images that go through the UNet together.
        batch_size: u32 = or(1), range(1, 32);
        /// Number of batches; images = batch_size x n_iter.
        n_iter: u32 = or(1), range(1, IMAGES_MAX);
        /// Sampling steps.
        steps: u32 = or(50), range(1, 1000);
        /// Classifier-free guidance: how strongly the image follows the prompt.
        cfg_scale: f64 = or(7.0), range(-100.0, 100.0);
        /// Image width in pixels; with the base model `mini`, 128 unless given.
        width: u32 = or(512), multiple(8, 64, 2048);
        /// Image height in pixels; with the base model `mini`, 128 unless given.
        height: u32 = or(512), multiple(8, 64, 2048);
        /// Face restoration.
        restore_faces: bool = or(false), only([false], "face restoration is not available in this version");
        /// Images that tile.
        tiling: bool = or(false), only([false], "tiling is not available in this version");
        /// What the image should not show; null is the same as an empty text.
        negative_prompt: Option<String> = or(None), text(PROMPT_CHARS_MAX);
        /// Share of fresh noise; null means the sampler's own, as the table of samplers says. Samplers without noise ignore it.
        eta: Option<f64> = or(None), range(0.0, 10.0);
        /// Churn: noise added back at each step, by the samplers whose row says so.
        s_churn: f64 = or(0.0), range(0.0, 1000.0);
        /// Highest sigma that is churned; null or 0 means no bound.
        s_tmax: Option<f64> = or(None), range(0.0, 1e9);
        /// Lowest sigma that is churned.
        s_tmin: f64 = or(0.0), range(0.0, 1e9);
        /// Scale of the noise that is added at a step, by the samplers whose row says so; 0 means 1, as in the web UI of the original endpoint.
        s_noise: f64 = or(1.0), range(0.0, 10.0);
        /// The sampler when `sampler_name` is null; despite its name it is a name.
        sampler_index: SamplerChoice = or(SamplerName::Euler.into()), anything();
        /// A script of the web UI.
        script_name: Option<String> = or(None), only([""], "scripts are not available in this version");
        /// Returned as it is beside the images.
        passback: Option<Value> = or(None), Limit::Size { max_bytes: PASSBACK_BYTES_MAX };
    }
}

impl Txt2ImgParams {
    /// Reads one item; with the rules that concern two fields at once.
    ///
    /// # Errors
    /// One sentence that names the field; also when the item asks for more than [`IMAGES_MAX`] images, or for fewer steps
    /// than its sampler needs.
    pub fn parse_item(value: Value, path: &str) -> Result<Self, RequestError> {
        let params = Self::parse(value, path)?;
        if params.images() > IMAGES_MAX {
            return Err(RequestError::Conflict(format!(
                "{path}.batch_size x {path}.n_iter is {}, but must be at most {IMAGES_MAX}; split the item.",
                params.images()
            )));
        }
        let row = params.sampler().row();
        if params.steps < row.steps_min {
            return Err(RequestError::Conflict(format!(
                "{path}.steps is {}, but {} needs at least {}; ask for more steps or another sampler.",
                params.steps, row.name, row.steps_min
            )));
        }
        Ok(params)
    }

    /// Number of images: batch_size x n_iter.
    pub fn images(&self) -> u32 {
        self.batch_size.saturating_mul(self.n_iter)
    }

    /// The sampler that draws: `sampler_name`, else `sampler_index`.
    pub fn sampler(&self) -> SamplerName {
        self.sampler_choice().sampler
    }

    /// The sampler that draws with the schedule that the request names: in `scheduler`, else behind the sampler's name.
    pub fn sampler_choice(&self) -> SamplerChoice {
        let named = self.sampler_name.unwrap_or(self.sampler_index);
        let field = self.scheduler.filter(|scheduler| *scheduler != SchedulerName::Automatic);
        SamplerChoice { scheduler: field.or(named.scheduler), ..named }
    }

    /// How the noise levels are spaced; never [`SchedulerName::Automatic`].
    pub fn schedule(&self) -> SchedulerName {
        let named = self.sampler_choice().scheduler.filter(|scheduler| *scheduler != SchedulerName::Automatic);
        named.unwrap_or(self.sampler().row().preferred)
    }
}
