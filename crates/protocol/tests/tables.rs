//! The tables of parameters, from which the documentation is made.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashSet;

use protocol::request::Policy;
use protocol::{Parameter, TrainParams, Txt2ImgParams};

fn row(table: &[Parameter], name: &str) -> Parameter {
    table.iter().find(|row| row.name == name).unwrap().clone()
}

#[test]
fn every_field_of_the_original_document_is_in_a_table_once_and_explained() {
    let train = TrainParams::table();
    let draw = Txt2ImgParams::table();
    for name in ["data_url", "hf_token", "text_8_bit_adam", "unet_lr_scheduler", "offset_noise"] {
        row(&train, name);
    }
    for name in ["enable_hr", "firstphase_width", "hr_resize_y", "s_churn", "script_name", "passback"] {
        row(&draw, name);
    }
    for table in [train, draw, Policy::table()] {
        let names: HashSet<_> = table.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), table.len());
        assert!(table.iter().all(|row| !row.doc.is_empty()));
    }
}

#[test]
fn a_row_carries_type_default_limits_and_aliases() {
    let steps = row(&TrainParams::table(), "text_steps");
    assert_eq!((steps.kind, steps.default.as_deref()), ("integer", Some("350")));
    assert_eq!(steps.limits, "from 0 to 100000");
    assert_eq!(row(&Txt2ImgParams::table(), "prompt").default, None);
    assert_eq!(row(&TrainParams::table(), "hf_token").default.as_deref(), Some("null"));
    assert_eq!(row(&Txt2ImgParams::table(), "seed_resize_from_w").aliases, ["seed_resized_from_w"]);
    assert_eq!(row(&Txt2ImgParams::table(), "sampler_index").default.as_deref(), Some("\"Euler\""));
}

#[test]
fn every_default_lies_within_its_own_limits() {
    let train = TrainParams::parse(&serde_json::json!({}), "train").unwrap();
    TrainParams::parse(&serde_json::to_value(train).unwrap(), "train").unwrap();
    let draw = Txt2ImgParams::parse(&serde_json::json!({"prompt": "p"}), "item").unwrap();
    Txt2ImgParams::parse(&serde_json::to_value(draw).unwrap(), "item").unwrap();
    Policy::parse(&serde_json::json!({}), "policy").unwrap();
}
