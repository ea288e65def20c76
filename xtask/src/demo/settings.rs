//! The demo's numbers, in one place: small enough for two cores and three minutes.

use serde_json::{Value, json};

/// The word the robot is trained as.
pub const CONCEPT: &str = "zorgbot";
/// Side of the sample pictures, in pixels: what the original endpoint asks for.
pub const SAMPLE_SIDE: u32 = 512;
/// Base model.
pub const MODEL: &str = "mini";
/// What whoever looks at the results should know of [`MODEL`].
pub const MODEL_NOTE: Option<&str> = Some(
    "the base model mini has untrained weights: everything runs as it does with Stable Diffusion 1.5, but its pictures show only noise",
);
/// Side of the training pictures and of the results, in pixels.
const SIDE: u32 = 128;
/// Steps of the text stage.
const TEXT_STEPS: u32 = 60;
/// Passes over the pictures in the UNet stage.
const UNET_EPOCHS: u32 = 20;
/// Sampling steps of each result.
const SAMPLING_STEPS: u32 = 25;

/// The job, in the shape of the original endpoint's examples.
pub fn request(data_url: &str) -> Value {
    json!({
        "input": {
            "train": {
                "data_url": data_url,
                "concept_name": CONCEPT,
                "text_steps": TEXT_STEPS,
                "text_seed": 555,
                "text_batch_size": 1,
                "text_resolution": SIDE,
                "text_learning_rate": 1e-5,
                "text_lr_scheduler": "linear",
                "unet_seed": 555,
                "unet_batch_size": 4,
                "unet_resolution": SIDE,
                "unet_epochs": UNET_EPOCHS,
                "unet_learning_rate": 1e-4,
                "unet_lr_scheduler": "constant",
            },
            "inference": [
                picture(&format!("a photo of {CONCEPT}"), 1, SIDE, SIDE),
                picture(&format!("{CONCEPT} on a wooden table"), 2, SIDE, SIDE),
                picture(&format!("{CONCEPT} at night, blue light"), 3, SIDE + 64, SIDE),
                picture(&format!("a portrait of {CONCEPT}, pink background"), 4, SIDE, SIDE + 64),
            ],
        },
    })
}

fn picture(prompt: &str, seed: u32, width: u32, height: u32) -> Value {
    json!({
        "prompt": prompt,
        "seed": seed,
        "sampler_name": "Euler a",
        "batch_size": 1,
        "n_iter": 1,
        "steps": SAMPLING_STEPS,
        "cfg_scale": 5,
        "width": width,
        "height": height,
    })
}
