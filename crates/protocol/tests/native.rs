//! What a request leaves out, where the base model is not the original's.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use protocol::native::Native;
use serde_json::{Value, json};

fn mini() -> Native {
    Native::of("mini").unwrap()
}

fn given(mut body: Value) -> Value {
    mini().complete(&mut body);
    body
}

#[test]
fn only_the_miniature_is_known_to_be_small() {
    assert_eq!(mini(), Native { side: 128, learning_rate: 1e-4 });
    for model in ["random:mini", "./mini", "stable-diffusion-v1-5/stable-diffusion-v1-5", ""] {
        assert_eq!(Native::of(model), None, "{model}");
    }
}

#[test]
fn what_is_absent_or_null_is_the_models_own() {
    let body = json!({"input": {"train": {"data_url": "u", "unet_resolution": null, "text_learning_rate": 1e-6}, "inference": [{"prompt": "a"}, {"prompt": "b", "width": 256}]}});
    assert_eq!(
        given(body),
        json!({"input": {
            "train": {"data_url": "u", "unet_resolution": 128, "text_learning_rate": 1e-6, "text_resolution": 128, "unet_learning_rate": 1e-4},
            "inference": [{"prompt": "a", "width": 128, "height": 128}, {"prompt": "b", "width": 256, "height": 128}],
        }})
    );
}

#[test]
fn another_base_model_keeps_the_original_defaults() {
    for model in [json!({"hf_model": "owner/name"}), json!({"ckpt_link": "https://models.example/a.ckpt"})] {
        let body = json!({"input": {"train": model, "inference": [{"prompt": "a"}]}});
        assert_eq!(given(body.clone()), body);
    }
    let form = json!({"input": {"train": {"data_url": "u", "hf_model": "", "ckpt_link": null}}});
    assert_eq!(given(form)["input"]["train"]["text_resolution"], 128);
}

#[test]
fn what_is_no_request_is_left_for_the_parser_to_refuse() {
    for body in [json!(null), json!([]), json!({"input": 3}), json!({"input": {"train": "x", "inference": [1, "y"]}})] {
        assert_eq!(given(body.clone()), body);
    }
}

#[test]
fn a_request_by_hand_is_completed_likewise_and_a_lora_keeps_its_rates() {
    let (mut item, mut train) = (json!({"prompt": "a"}), json!({"text_resolution": 64, "network": "lora"}));
    mini().complete_item(&mut item);
    mini().complete_training(&mut train);
    assert_eq!(item, json!({"prompt": "a", "width": 128, "height": 128}));
    assert_eq!(train, json!({"text_resolution": 64, "network": "lora", "unet_resolution": 128}));
}
