//! Sizes that a request leaves out, where the base model is no 512-pixel one.

use protocol::native_side::{give_native_side, give_native_side_to_item, give_native_side_to_training, native_side};
use serde_json::{Value, json};

fn given(mut body: Value) -> Value {
    give_native_side(&mut body, 128);
    body
}

#[test]
fn only_the_miniature_is_known_to_be_small() {
    assert_eq!(native_side("mini"), Some(128));
    for model in ["random:mini", "./mini", "stable-diffusion-v1-5/stable-diffusion-v1-5", ""] {
        assert_eq!(native_side(model), None, "{model}");
    }
}

#[test]
fn sizes_that_are_absent_or_null_are_the_models_own() {
    let body = json!({"input": {"train": {"data_url": "u", "unet_resolution": null}, "inference": [{"prompt": "a"}, {"prompt": "b", "width": 256}]}});
    assert_eq!(
        given(body),
        json!({"input": {
            "train": {"data_url": "u", "unet_resolution": 128, "text_resolution": 128},
            "inference": [{"prompt": "a", "width": 128, "height": 128}, {"prompt": "b", "width": 256, "height": 128}],
        }})
    );
}

#[test]
fn another_base_model_keeps_the_original_sizes() {
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
fn a_request_by_hand_is_given_them_likewise() {
    let (mut item, mut train) = (json!({"prompt": "a"}), json!({"text_resolution": 64}));
    give_native_side_to_item(&mut item, 128);
    give_native_side_to_training(&mut train, 128);
    assert_eq!(item, json!({"prompt": "a", "width": 128, "height": 128}));
    assert_eq!(train, json!({"text_resolution": 64, "unet_resolution": 128}));
}
