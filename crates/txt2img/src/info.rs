//! The `info` text of the response: resolved seeds, prompts and infotexts, keys in the web UI's order.

use protocol::Txt2ImgParams;
use serde_json::{Value, json};

use crate::python_json;

/// What the answer to one request resolved to.
#[derive(Debug, Clone, Copy)]
pub struct Resolved<'a> {
    /// Seeds by image.
    pub seeds: &'a [u64],
    /// Variation seeds by image; drawn even when they are not used.
    pub subseeds: &'a [u64],
    /// Infotexts by image.
    pub infotexts: &'a [String],
    /// The model's name.
    pub model: &'a str,
    /// When the job ran: `YYYYMMDDhhmmss`.
    pub job_timestamp: &'a str,
}

/// The JSON text.
pub fn info(params: &Txt2ImgParams, resolved: &Resolved<'_>) -> String {
    let images = resolved.seeds.len();
    let negative = params.negative_prompt.as_deref().unwrap_or("");
    python_json::dumps(&json!({
        "prompt": params.prompt,
        "all_prompts": vec![&params.prompt; images],
        "negative_prompt": negative,
        "all_negative_prompts": vec![negative; images],
        "seed": resolved.seeds.first(),
        "all_seeds": resolved.seeds,
        "subseed": resolved.subseeds.first(),
        "all_subseeds": resolved.subseeds,
        "subseed_strength": params.subseed_strength,
        "width": params.width,
        "height": params.height,
        "sampler_name": params.sampler_choice().to_string(),
        "cfg_scale": params.cfg_scale,
        "steps": params.steps,
        "batch_size": params.batch_size,
        "restore_faces": params.restore_faces,
        "face_restoration_model": Value::Null,
        "sd_model_name": resolved.model,
        "sd_model_hash": Value::Null,
        "sd_vae_name": Value::Null,
        "sd_vae_hash": Value::Null,
        "seed_resize_from_w": params.seed_resize_from_w,
        "seed_resize_from_h": params.seed_resize_from_h,
        "denoising_strength": params.denoising_strength,
        "extra_generation_params": {},
        "index_of_first_image": 0,
        "infotexts": resolved.infotexts,
        "styles": params.styles,
        "job_timestamp": resolved.job_timestamp,
        "clip_skip": 1,
        "is_using_inpainting_conditioning": false,
        "version": concat!("dreambooth ", env!("CARGO_PKG_VERSION")),
    }))
}
