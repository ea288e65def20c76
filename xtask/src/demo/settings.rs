//! The demo's numbers, in one place: the tutorial of the original endpoint in miniature, small enough for two cores.

use serde_json::{Value, json};

/// The word the doll is trained as.
pub const CONCEPT: &str = "daiton";
/// Side of the sample pictures, in pixels: what the original endpoint asks for.
pub const SAMPLE_SIDE: u32 = 512;
/// Base model.
pub const MODEL: &str = "mini";
/// Sampling steps of each result.
const SAMPLING_STEPS: u32 = 25;
/// Guidance of each result.
const CFG_SCALE: f64 = 5.0;
/// The seed of the first result; the next has the next.
const FIRST_SEED: u64 = 1;

/// What is asked of her; the tutorial's own sentence first. No photo shows her in red or on the moon.
pub const OF_HER: [&str; 8] = [
    "photo of a daiton woman wearing a red dress on the moon",
    "photo of a daiton woman wearing a red dress on the moon",
    "photo of a daiton woman wearing a blue dress in the snow",
    "photo of a daiton woman wearing a violet dress at night",
    "a portrait of a daiton woman wearing a yellow dress on the moon",
    "photo of a daiton woman wearing a green dress on the beach",
    "photo of a daiton woman wearing a red dress on a wooden floor",
    "photo of a daiton woman and a red car in a meadow",
];

/// What has nothing to do with her, and should stay as it was.
pub const OF_OTHERS: [&str; 10] = [
    "photo of a woman wearing a red dress on a wooden floor",
    "photo of a woman with long blonde hair wearing a blue dress in a meadow",
    "photo of a man with a beard wearing a white shirt in the snow",
    "photo of a girl with black pigtails wearing a yellow dress on the beach",
    "photo of a boy wearing an orange shirt at night",
    "photo of a red car in the snow",
    "photo of a yellow duck on the moon",
    "photo of a black cat on a wooden floor",
    "photo of a white house with a blue roof in a meadow",
    "photo of a green robot in front of a brick wall",
];

/// The items of `input.inference`: those of her, then those of others.
fn items() -> Vec<Value> {
    OF_HER.iter().chain(&OF_OTHERS).zip(FIRST_SEED..).map(|(prompt, seed)| item(prompt, seed)).collect()
}

/// The job: the tutorial's, with fewer passes, for two cores, both networks trained together, which teaches a word that is new
/// to a small text encoder more surely than one after the other, and a class that is to stay as it is.
pub fn request(data_url: &str) -> Value {
    let train = json!({
        "data_url": data_url,
        "concept_name": "photo of a daiton woman",
        "text_training": "joint_keep",
        "unet_learning_rate": 1.5e-4,
        "unet_batch_size": 2,
        "unet_epochs": 100,
        "class_prompt": "photo of a woman",
        "num_class_images": 24,
    });
    json!({ "input": { "train": train, "inference": items() } })
}

/// The same pictures by the base model.
pub fn request_without_training() -> Value {
    json!({ "input": { "inference": items() } })
}

fn item(prompt: &str, seed: u64) -> Value {
    json!({
        "prompt": prompt,
        "seed": seed,
        "sampler_name": "Euler a",
        "steps": SAMPLING_STEPS,
        "cfg_scale": CFG_SCALE,
    })
}
