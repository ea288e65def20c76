//! Sizes that a request leaves out. The original's model draws 512 pixels; a base model that was made for another size draws
//! well at its own, so there that is what an absent size means.

use serde_json::{Map, Value};

const TRAINING: [&str; 2] = ["text_resolution", "unet_resolution"];
const DRAWING: [&str; 2] = ["width", "height"];
/// Fields that name another base model, whose size nobody knows here.
const OTHER_MODEL: [&str; 2] = ["hf_model", "ckpt_link"];

/// The side in pixels that MODEL was made for, where it is known from its name alone and is not the original's 512.
#[must_use]
pub fn native_side(model: &str) -> Option<u32> {
    (model == "mini").then_some(128)
}

/// Gives the body of a job that is done with the service's own base model the sizes it leaves out. What is no request is left
/// as it is, for the parser to refuse.
pub fn give_native_side(body: &mut Value, side: u32) {
    let Some(input) = body.get_mut("input").and_then(Value::as_object_mut) else { return };
    if let Some(train) = input.get_mut("train").and_then(Value::as_object_mut) {
        if OTHER_MODEL.iter().any(|field| train.get(*field).is_some_and(|model| !model.is_null() && model != "")) {
            return;
        }
        fill(train, TRAINING, side);
    }
    for item in input.get_mut("inference").and_then(Value::as_array_mut).into_iter().flatten() {
        give_native_side_to_item(item, side);
    }
}

/// [`give_native_side`] for one object of `input.inference`.
pub fn give_native_side_to_item(item: &mut Value, side: u32) {
    if let Some(item) = item.as_object_mut() {
        fill(item, DRAWING, side);
    }
}

/// [`give_native_side`] for the object under `input.train`.
pub fn give_native_side_to_training(train: &mut Value, side: u32) {
    if let Some(train) = train.as_object_mut() {
        fill(train, TRAINING, side);
    }
}

fn fill(fields: &mut Map<String, Value>, names: [&str; 2], side: u32) {
    for name in names {
        if fields.get(name).is_none_or(Value::is_null) {
            fields.insert(name.to_owned(), side.into());
        }
    }
}
