//! Which numbers are trained, and in which dtype.

use engine::{Precision, processor_capability};
use serde_json::{Value, json};

use crate::course::{Outcome, plain, with};
use crate::support::Workshop;

/// Numbers that each stage trains.
fn trained(outcome: &Outcome) -> Vec<u64> {
    outcome.report.stages.iter().map(|stage| stage.trained_parameters).collect()
}

#[test]
pub(crate) fn text_training() {
    let [text, unet] = trained(plain())[..] else { panic!("two stages") };
    with(&json!({"text_training": null})).assert_same(plain());
    with(&json!({"text_training": "frozen_unet"})).assert_same(plain());
    let joint = with(&json!({"text_training": "joint"}));
    assert_eq!(trained(&joint), [text + unet, unet]);
    assert_ne!(joint.text_encoder, plain().text_encoder);
    let kept = with(&json!({"text_training": "joint_keep"}));
    assert_eq!(trained(&kept), [unet + text], "there is one stage");
    assert!(kept.text_encoder.is_some() && kept.unet.is_some());
}

#[test]
pub(crate) fn network() {
    let [full, lora] = ["full", "lora"].map(|network| with(&json!({"network": network})));
    full.assert_same(plain());
    assert!(trained(&lora)[1] < trained(&full)[1] && lora.unet.as_ref().unwrap().len() % 2 == 0);
}

#[test]
pub(crate) fn lora_rank() {
    let of_rank = |rank: u32| trained(&with(&json!({"network": "lora", "lora_rank": rank})));
    let (usual, twice) = (with(&json!({"network": "lora"})), of_rank(32));
    assert_eq!(trained(&usual), of_rank(16));
    assert_eq!(twice, trained(&usual).iter().map(|numbers| 2 * numbers).collect::<Vec<_>>());
    with(&json!({"lora_rank": 32})).assert_same(plain());
}

/// The rank is what alpha is where it is left out. An adapter begins as nothing, so how much it counts shows from the
/// second step on.
#[test]
pub(crate) fn lora_alpha() {
    let of_alpha =
        |alpha: Value| with(&json!({"network": "lora", "lora_rank": 4, "lora_alpha": alpha, "text_steps": 0}));
    let (left_out, rank, more) = (of_alpha(Value::Null), of_alpha(json!(4)), of_alpha(json!(8)));
    left_out.assert_same(&rank);
    assert_eq!(more.unet().losses[0].to_bits(), rank.unet().losses[0].to_bits());
    assert_ne!(more.unet().losses[1].to_bits(), rank.unet().losses[1].to_bits());
    with(&json!({"lora_alpha": 8})).assert_same(plain());
}

/// What the request says counts, and the worker's precision where it says nothing.
#[test]
pub(crate) fn precision() {
    let mut workshop = Workshop::new();
    workshop.precision = Precision::Bf16;
    let of_worker = Outcome::of(&workshop, &json!({"unet_epochs": 0}));
    assert_eq!(of_worker.report.precision, "bf16");
    assert_ne!(of_worker.text().losses, plain().text().losses);
    if processor_capability().computes_bf16() {
        with(&json!({"precision": "bf16", "unet_epochs": 0})).assert_same(&of_worker);
    }
    let fp32 = Outcome::of(&workshop, &json!({"precision": "fp32"}));
    assert_eq!(fp32.report.precision, "fp32");
    fp32.assert_same(plain());
}

/// Left out it is bf16, which loses nothing where the arithmetic is bf16 and each gradient is of one batch.
#[test]
pub(crate) fn gradient_precision() {
    let mut workshop = Workshop::new();
    workshop.precision = Precision::Bf16;
    let of = |gradients: Value, batches: u32| {
        let changes = json!({
            "gradient_precision": gradients, "gradient_accumulation_steps": batches, "unet_epochs": 0, "text_steps": 2,
        });
        Outcome::of(&workshop, &changes)
    };
    let [left_out, fp32, bf16] = [Value::Null, json!("fp32"), json!("bf16")].map(|gradients| of(gradients, 1));
    left_out.assert_same(&bf16);
    assert_eq!(bf16.text().losses[0].to_bits(), fp32.text().losses[0].to_bits(), "of the same arithmetic");
    let [left_out, fp32, bf16] = [Value::Null, json!("fp32"), json!("bf16")].map(|gradients| of(gradients, 2));
    left_out.assert_same(&fp32);
    assert!(!bf16.is_same(&fp32), "sums of gradients are rounded");
}
