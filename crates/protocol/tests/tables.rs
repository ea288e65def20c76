//! The rows of data from which everything about a field is derived: they are complete, bounded, and agree with the parser on
//! random requests made from nothing but themselves.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod generator;

use std::collections::HashSet;

use protocol::bucket::S3Config;
use protocol::limit::Limit;
use protocol::parameter::Kind;
use protocol::request::Policy;
use protocol::train::train_table;
use protocol::{JobRequest, Parameter, TrainSettings, Txt2ImgParams};
use serde_json::{Value, json};

use crate::generator::Generator;

fn tables() -> [Vec<Parameter>; 4] {
    [train_table(), Txt2ImgParams::table().to_vec(), Policy::table().to_vec(), S3Config::table().to_vec()]
}

fn row(table: &[Parameter], name: &str) -> Parameter {
    table.iter().find(|row| row.name == name).unwrap().clone()
}

#[test]
fn every_field_of_the_original_document_is_in_a_table_once_and_explained() {
    let [train, draw, ..] = tables();
    for name in ["data_url", "hf_token", "text_8_bit_adam", "unet_lr_scheduler", "offset_noise"] {
        row(&train, name);
    }
    for name in ["enable_hr", "firstphase_width", "hr_resize_y", "s_churn", "script_name", "passback"] {
        row(&draw, name);
    }
    for table in tables() {
        let names: HashSet<_> = table.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), table.len());
        assert!(table.iter().all(|row| !row.doc.is_empty()));
    }
}

#[test]
fn a_row_carries_type_default_limits_and_aliases() {
    let [train, draw, ..] = tables();
    let steps = row(&train, "text_steps");
    assert_eq!((steps.kind, steps.default), (Kind::Integer, Some(json!(350))));
    assert_eq!(steps.limit, Limit::Range { low: 0.0, high: 100_000.0 });
    assert_eq!(row(&draw, "prompt").default, None);
    assert_eq!(row(&train, "hf_token").default, Some(Value::Null));
    assert_eq!(row(&draw, "seed_resize_from_w").aliases, ["seed_resized_from_w"]);
    assert_eq!(row(&draw, "sampler_index").default, Some(json!("Euler")));
}

#[test]
fn every_text_has_a_greatest_length_and_every_list_a_greatest_count() {
    for row in tables().concat() {
        let bounded = match row.kind {
            Kind::Text => matches!(
                row.limit,
                Limit::Length { .. } | Limit::Url { .. } | Limit::Pattern(_) | Limit::OneOf { .. } | Limit::Only { .. }
            ),
            Kind::Texts => matches!(row.limit, Limit::Items { .. }),
            Kind::Objects => matches!(row.limit, Limit::Objects { .. }),
            Kind::Json => matches!(row.limit, Limit::Size { .. }),
            Kind::Integer | Kind::Number => {
                matches!(row.limit, Limit::Range { .. } | Limit::Multiple { .. } | Limit::Only { .. })
            }
            Kind::Boolean => true,
        };
        assert!(bounded, "{} has no bound", row.name);
    }
}

#[test]
fn every_default_lies_within_its_own_limits() {
    for row in tables().concat() {
        let Some(default) = row.default.clone().filter(|default| !default.is_null()) else { continue };
        assert!(row.limit.admits(&default), "{} = {default}", row.name);
    }
    TrainSettings::parse_alone(json!({}), "train").unwrap();
}

#[test]
fn every_pattern_compiles_and_matches_its_example() {
    for row in tables().concat() {
        if let Limit::Pattern(pattern) = row.limit {
            assert!(row.limit.admits(&json!(pattern.example)), "{}", pattern.regex);
            assert!(!row.limit.admits(&json!("x".repeat(pattern.max_chars + 1))));
        }
    }
}

#[test]
fn random_values_within_the_limits_are_accepted() {
    let mut random = Generator::new(1);
    for _ in 0..300 {
        let body = random.request();
        if let Err(error) = JobRequest::read(body.clone()) {
            panic!("{error}\n{body}");
        }
    }
}

#[test]
fn random_values_beyond_the_limits_are_refused_in_a_sentence_that_names_the_field_and_its_limit() {
    let mut random = Generator::new(2);
    for _ in 0..100 {
        for (path, row, wrong) in random.spoilt_requests() {
            let sentence = JobRequest::read(wrong).unwrap_err().to_string();
            assert!(sentence.starts_with(&format!("{path} is ")), "{path}: {sentence}");
            assert!(sentence.ends_with(&format!("but must be {}.", row.expected())), "{path}: {sentence}");
            assert!(sentence.len() < 1_500, "{path}: {} bytes", sentence.len());
        }
    }
}
