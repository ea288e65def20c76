//! Learning rates, their schedules, and the optimizer's state.

use serde_json::{Value, json};

use crate::course::{Outcome, plain, with};

/// The rates of both stages with one field changed.
fn rates(field: &str, value: Value) -> [Vec<f64>; 2] {
    let mut changes = json!({});
    changes[field] = value;
    let outcome = with(&changes);
    [outcome.text().learning_rates.clone(), outcome.unet().learning_rates.clone()]
}

/// As they are if nothing is said: from 1e-4 down to a third of it.
fn usual() -> Vec<f64> {
    plain().unet().learning_rates.clone()
}

#[test]
pub(crate) fn text_learning_rate() {
    let twice: Vec<f64> = usual().iter().map(|rate| 2.0 * rate).collect();
    assert_eq!(rates("text_learning_rate", json!(2e-4)), [twice, usual()]);
}

#[test]
pub(crate) fn unet_learning_rate() {
    let twice: Vec<f64> = usual().iter().map(|rate| 2.0 * rate).collect();
    assert_eq!(rates("unet_learning_rate", json!(2e-4)), [usual(), twice]);
}

#[test]
pub(crate) fn text_lr_scheduler() {
    assert_eq!(rates("text_lr_scheduler", json!("constant")), [vec![1e-4; 3], usual()]);
}

#[test]
pub(crate) fn unet_lr_scheduler() {
    assert_eq!(rates("unet_lr_scheduler", json!("constant")), [usual(), vec![1e-4; 3]]);
}

/// Asserts that losses are about the same and that some weight is not: tensors of less than 4096 numbers keep a 32-bit state.
fn assert_about_same(a: &Outcome, b: &Outcome) {
    assert!(!a.is_same(b));
    for (a, b) in a.losses().concat().iter().zip(b.losses().concat()) {
        assert!((a / b - 1.0).abs() < 1e-2, "{a} and {b}");
    }
}

#[test]
pub(crate) fn text_8_bit_adam() {
    let with_8_bit = with(&json!({"text_8_bit_adam": true}));
    assert_about_same(&with_8_bit, plain());
    assert_ne!(with_8_bit.text_encoder, plain().text_encoder);
}

#[test]
pub(crate) fn unet_8_bit_adam() {
    let with_8_bit = with(&json!({"unet_8_bit_adam": true}));
    assert_about_same(&with_8_bit, plain());
    assert_eq!(with_8_bit.text_encoder, plain().text_encoder);
    assert_ne!(with_8_bit.unet, plain().unet);
}

#[test]
pub(crate) fn adam_8_bit_block_size() {
    let blocks_of =
        |size: Value| with(&json!({"unet_8_bit_adam": true, "text_steps": 0, "adam_8_bit_block_size": size}));
    let (left_out, small, large) = (blocks_of(Value::Null), blocks_of(json!(256)), blocks_of(json!(2048)));
    left_out.assert_same(&small);
    assert_about_same(&small, &large);
}

/// Of an average with decay 0 nothing but the last weights is left; with 0.9 it is something else, and the training itself
/// does not notice.
#[test]
pub(crate) fn ema_decay() {
    let averaged = |decay: Value| with(&json!({"text_steps": 0, "ema_decay": decay}));
    let (none, last, average) = (averaged(Value::Null), averaged(json!(0)), averaged(json!(0.9)));
    last.assert_same(&none);
    assert_eq!(average.losses(), none.losses());
    assert_ne!(average.unet, none.unet);
}
