//! The texts that describe an image stand as the web UI writes them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use protocol::Txt2ImgParams;
use serde_json::{Value, json};
use txt2img::info::{Resolved, info};
use txt2img::infotext::infotext;
use txt2img::python_json;

fn params(fields: &Value) -> Txt2ImgParams {
    Txt2ImgParams::parse_item(fields.clone(), "item").unwrap()
}

#[test]
fn the_infotext_has_the_prompt_the_negative_prompt_and_the_settings() {
    let params = params(&json!({
        "prompt": "cat", "negative_prompt": "dog", "steps": 20, "sampler_name": "Euler a", "seed": 5
    }));
    assert_eq!(
        infotext(&params, 5, "job42"),
        "cat\nNegative prompt: dog\nSteps: 20, Sampler: Euler a, CFG scale: 7.0, Seed: 5, Size: 512x512, Model: job42"
    );
}

#[test]
fn an_empty_negative_prompt_has_no_line_and_an_unusual_eta_is_named() {
    let params = params(&json!({"prompt": "cat", "negative_prompt": "", "sampler_name": "Euler a", "eta": 0.35}));
    assert_eq!(
        infotext(&params, 1, "m"),
        "cat\nSteps: 50, Sampler: Euler a, CFG scale: 7.0, Seed: 1, Size: 512x512, Model: m, Eta: 0.35"
    );
}

#[test]
fn a_sampler_is_named_with_the_schedule_that_was_asked_for_and_its_eta_where_it_acts() {
    let line = |sampler: &str, eta: f64| {
        let params = params(&json!({"prompt": "cat", "sampler_name": sampler, "eta": eta}));
        infotext(&params, 1, "m").lines().last().unwrap().to_owned()
    };
    assert!(line("k_dpmpp_2m_ka", 0.5).starts_with("Steps: 50, Sampler: DPM++ 2M Karras, CFG scale"));
    assert!(line("k_dpmpp_2m_ka", 0.5).ends_with("Model: m"), "it takes no eta");
    assert!(line("ddim", 0.5).ends_with("Model: m, Eta DDIM: 0.5"));
    assert!(line("ddim", 0.0).ends_with("Model: m"));
    assert!(line("DPM++ SDE", 0.0).ends_with("Model: m, Eta: 0.0"));
}

#[test]
fn numbers_are_written_as_python_writes_them() {
    let written = [7.0, 0.35, 1e-5, 0.0001, 1.5e-7, 1e16, 123_456_789.0].map(python_json::float);
    assert_eq!(written, ["7.0", "0.35", "1e-05", "0.0001", "1.5e-07", "1e+16", "123456789.0"]);
}

#[test]
fn json_is_spaced_and_escaped_as_python_does() {
    let text = python_json::dumps(&json!({"a": [1, 2.0, null, true], "b": "é \"q\" 🐶\n"}));
    assert_eq!(text, r#"{"a": [1, 2.0, null, true], "b": "\u00e9 \"q\" \ud83d\udc36\n"}"#);
}

#[test]
fn info_resolves_seeds_by_image_in_the_web_uis_order_of_keys() {
    let params = params(&json!({"prompt": "p", "batch_size": 2}));
    let infotexts = ["one".to_owned(), "two".to_owned()];
    let resolved = Resolved {
        seeds: &[8, 9],
        subseeds: &[3, 4],
        infotexts: &infotexts,
        model: "m",
        job_timestamp: "20261123120000",
    };
    let text = info(&params, &resolved);
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["all_seeds"], json!([8, 9]));
    assert_eq!(value["all_prompts"], json!(["p", "p"]));
    assert_eq!(value["infotexts"], json!(["one", "two"]));
    assert!(text.starts_with(r#"{"prompt": "p", "all_prompts": ["p", "p"], "negative_prompt": "", "#), "{text}");
    let keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys[..6], ["prompt", "all_prompts", "negative_prompt", "all_negative_prompts", "seed", "all_seeds"]);
}
