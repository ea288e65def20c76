//! A token that a client sends never comes back: not in an error, a debug print, a view or a webhook body.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use protocol::request::redact;
use protocol::view::{ApiVersion, job_view, webhook_body};
use protocol::{JobId, JobRecord, JobRequest, JobStatus, Secret};
use serde_json::{Value, json};

const TOKEN: &str = "hf_do_not_show_me";

fn body() -> Value {
    json!({"input": {"train": {"data_url": "https://photos.example/dog.zip", "hf_model": "a/b", "hf_token": TOKEN}}})
}

fn record() -> JobRecord {
    JobRecord {
        id: "job-1".parse().unwrap(),
        status: JobStatus::InQueue,
        input: body()["input"].clone(),
        webhook: Some(format!("https://hooks.example/?token={TOKEN}")),
        output: None,
        progress: None,
        error: None,
        created_ms: 0,
        started_ms: None,
        done_ms: None,
        attempts: 0,
        worker: None,
    }
}

#[test]
fn a_secret_prints_stars_and_reveals_itself_on_request_only() {
    let secret = Secret::new(TOKEN);
    assert_eq!(format!("{secret} {secret:?}"), "*** ***");
    assert_eq!(secret.reveal(), TOKEN);
}

#[test]
fn a_debug_print_of_a_request_or_a_record_shows_no_token() {
    let request = JobRequest::parse(&body()).unwrap();
    assert_eq!(request.train.as_ref().unwrap().hf_token.as_ref().unwrap().reveal(), TOKEN);
    assert!(!format!("{request:?}").contains(TOKEN));
    assert!(!format!("{:?}", record()).contains(TOKEN));
}

#[test]
fn no_error_repeats_a_token_wherever_it_was_put() {
    let mut wrong_type = body();
    wrong_type["input"]["train"]["hf_token"] = json!([TOKEN]);
    let mut train_in_a_list = body();
    train_in_a_list["input"]["train"] = json!([body()["input"]["train"]]);
    let mut misspelt = body();
    misspelt["input"]["train"]["hf_tokn"] = json!(TOKEN);
    let wrong = [
        wrong_type,
        train_in_a_list,
        misspelt,
        json!([body()]),
        json!({"input": [body()["input"]]}),
        json!({"input": {"inference": body()["input"]}}),
    ];
    for body in wrong {
        let error = JobRequest::parse(&body).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(TOKEN), "{error}");
    }
}

#[test]
fn views_show_the_input_with_stars_for_its_token() {
    let view = job_view(&record(), ApiVersion::V1, |_| String::new());
    assert_eq!(view["input"]["train"]["hf_token"], json!("***"));
    assert_eq!(view["input"]["train"]["hf_model"], json!("a/b"));
    let hook = webhook_body(&record(), |_| String::new());
    assert_eq!(hook["input"]["train"]["hf_token"], json!("***"));
    assert!(job_view(&record(), ApiVersion::V2, |_| String::new()).get("input").is_none());
}

#[test]
fn redacting_keeps_an_absent_or_null_token_as_it_was() {
    for input in [json!({}), json!({"train": null}), json!({"train": {"hf_token": null}}), json!(7)] {
        assert_eq!(redact(input.clone()), input);
    }
    assert_eq!(redact(json!({"train": {"hf_token": 7}})), json!({"train": {"hf_token": "***"}}));
}

#[test]
fn job_ids_are_safe_in_paths_and_random_ones_have_runpods_form() {
    let id = JobId::random();
    assert!(id.as_str().ends_with("-u1") && id.as_str().len() == 39, "{id}");
    assert_ne!(id, JobId::random());
    assert_eq!(id.as_str().parse::<JobId>().unwrap(), id);
    let longest = "a".repeat(128);
    for good in ["a", "54a54b10-51f4-4f0c-8d2a-0b7f0a4f5a4e", "sync-1_A", longest.as_str()] {
        assert_eq!(good.parse::<JobId>().unwrap().to_string(), good);
    }
    let too_long = "a".repeat(129);
    for bad in ["", "..", "a/b", "a.b", "a b", "ä", "a\n", too_long.as_str()] {
        assert!(bad.parse::<JobId>().is_err(), "{bad:?}");
        assert!(serde_json::from_value::<JobId>(json!(bad)).is_err(), "{bad:?}");
    }
}
