//! How long is trained, on how much, at which size, from which seed.

use serde_json::{Value, json};

use crate::course::{plain, with};

#[test]
pub(crate) fn text_steps() {
    let more = with(&json!({"text_steps": 5}));
    assert_eq!((more.text().steps, more.text().losses.len()), (5, 5));
    assert_eq!(more.unet().steps, plain().unet().steps);
    let none = with(&json!({"text_steps": 0}));
    assert!(none.text_encoder.is_none() && none.unet.is_some());
}

#[test]
pub(crate) fn unet_epochs() {
    let more = with(&json!({"unet_epochs": 2}));
    assert_eq!((more.unet().steps, more.unet().losses.len()), (6, 6));
    assert_eq!(more.text_encoder, plain().text_encoder);
    let none = with(&json!({"unet_epochs": 0}));
    assert!(none.unet.is_none());
    assert_eq!(none.text_encoder, plain().text_encoder);
}

/// More images in a step of the text stage are not fewer steps, and fewer epochs' worth of the UNet stage are.
#[test]
pub(crate) fn text_batch_size() {
    let larger = with(&json!({"text_batch_size": 2}));
    assert_eq!(larger.text().steps, 3);
    assert_ne!(larger.text().losses[0].to_bits(), plain().text().losses[0].to_bits());
    assert_eq!(larger.unet().steps, 3);
}

#[test]
pub(crate) fn unet_batch_size() {
    let larger = with(&json!({"unet_batch_size": 2}));
    assert_eq!(larger.unet().steps, 2);
    assert_eq!(larger.text_encoder, plain().text_encoder);
}

#[test]
pub(crate) fn text_resolution() {
    let larger = with(&json!({"text_resolution": 128}));
    assert_eq!((plain().encoded, larger.encoded), (3, 6), "each stage has latents of its own");
    assert_ne!(larger.text().losses, plain().text().losses);
}

#[test]
pub(crate) fn unet_resolution() {
    let larger = with(&json!({"unet_resolution": 128}));
    assert_eq!(larger.encoded, 6);
    assert_eq!(larger.text_encoder, plain().text_encoder);
    assert_ne!(larger.unet().losses, plain().unet().losses);
}

/// A stage that starts from another seed draws other numbers from its first step on.
fn assert_another_seed(field: &str, stages: [bool; 2]) {
    let mut changes = json!({});
    changes[field] = Value::from(556);
    let other = with(&changes);
    let differs = |stage: usize| other.losses()[stage][0].to_bits() != plain().losses()[stage][0].to_bits();
    assert_eq!([differs(0), differs(1)], stages, "{field}");
}

#[test]
pub(crate) fn text_seed() {
    // The UNet stage learns with what the text stage left, so its losses are others, too.
    assert_another_seed("text_seed", [true, true]);
}

#[test]
pub(crate) fn unet_seed() {
    assert_another_seed("unet_seed", [false, true]);
}

#[test]
pub(crate) fn held_out_images() {
    let fewer = with(&json!({"held_out_images": 1}));
    assert_eq!(fewer.captions().len(), 2);
    assert_eq!(fewer.unet().steps, 2);
}
