//! What a base model takes absent fields to mean. The original's defaults fit its own model, of 860 million weights and 512
//! pixels; one that was made for another size draws well at that, and a small one learns at larger rates.

use serde_json::{Map, Value};

const TRAINED_SIDES: [&str; 2] = ["text_resolution", "unet_resolution"];
const DRAWN_SIDES: [&str; 2] = ["width", "height"];
const LEARNING_RATES: [&str; 2] = ["text_learning_rate", "unet_learning_rate"];
/// Fields that name another base model, of which nobody knows anything here.
const OTHER_MODEL: [&str; 2] = ["hf_model", "ckpt_link"];

/// The values of a base model's own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Native {
    /// Width and height in pixels, of photos and of pictures.
    pub side: u32,
    /// Of text encoder and UNet, where all their weights are trained.
    pub learning_rate: f64,
}

impl Native {
    /// Those of MODEL, where they are known from its name alone and are not the original's.
    #[must_use]
    pub fn of(model: &str) -> Option<Self> {
        (model == "mini").then_some(Self { side: 128, learning_rate: 1e-4 })
    }

    /// Gives the body of a job that is done with this model what it leaves out. What is no request is left as it is, for the
    /// parser to refuse.
    pub fn complete(&self, body: &mut Value) {
        let Some(input) = body.get_mut("input").and_then(Value::as_object_mut) else { return };
        if let Some(train) = input.get_mut("train") {
            if OTHER_MODEL.iter().any(|field| train.get(*field).is_some_and(|model| !model.is_null() && model != "")) {
                return;
            }
            self.complete_training(train);
        }
        for item in input.get_mut("inference").and_then(Value::as_array_mut).into_iter().flatten() {
            self.complete_item(item);
        }
    }

    /// [`Self::complete`] for one object of `input.inference`.
    pub fn complete_item(&self, item: &mut Value) {
        if let Some(item) = item.as_object_mut() {
            fill(item, DRAWN_SIDES, &self.side.into());
        }
    }

    /// [`Self::complete`] for the object under `input.train`. A LoRA has rates of its own, which are larger on any model.
    pub fn complete_training(&self, train: &mut Value) {
        let Some(train) = train.as_object_mut() else { return };
        fill(train, TRAINED_SIDES, &self.side.into());
        if train.get("network").is_none_or(|network| network != "lora") {
            fill(train, LEARNING_RATES, &self.learning_rate.into());
        }
    }
}

fn fill(fields: &mut Map<String, Value>, names: [&str; 2], value: &Value) {
    for name in names {
        if fields.get(name).is_none_or(Value::is_null) {
            fields.insert(name.to_owned(), value.clone());
        }
    }
}
