//! What a client sends as a secret never comes back: not in an error, a debug print, a stored request, a view, a webhook
//! body or the child's assignment.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use protocol::bucket::S3Config;
use protocol::parameter::{Kind, Secrecy};
use protocol::request::Envelope;
use protocol::secret::without_secrets;
use protocol::shown::shown_request;
use protocol::train::train_table;
use protocol::{JobId, JobRequest, Secret, SecretUrl};
use serde_json::{Value, json};

const TOKEN: &str = "do_not_show_me";

/// A request with a secret in every place that takes one.
fn body() -> Value {
    let signed = |host: &str| format!("https://user:{TOKEN}@{host}.example/x.zip?sig={TOKEN}#{TOKEN}");
    json!({
        "input": {"train": {
            "data_url": signed("photos"), "hf_model": null, "hf_token": TOKEN, "ckpt_link": signed("models"),
        }},
        "webhook": format!("https://hooks.example/services/{TOKEN}?token={TOKEN}"),
        "s3Config": {"accessId": TOKEN, "accessSecret": TOKEN, "bucketName": "models", "endpointUrl": signed("s3")},
    })
}

#[test]
fn a_secret_prints_stars_and_reveals_itself_on_request_only() {
    let secret = Secret::new(TOKEN);
    assert_eq!(format!("{secret} {secret:?}"), "*** ***");
    assert_eq!(secret.reveal(), TOKEN);
    let url = SecretUrl::new("https://me:pw@photos.example/dog.zip?X-Amz-Signature=1");
    assert_eq!(format!("{url} {url:?}"), "https://photos.example/dog.zip?*** https://photos.example/dog.zip?***");
}

#[test]
fn an_address_is_shown_without_credentials_query_and_fragment() {
    let cases = [
        ("https://a.example/x.zip", "https://a.example/x.zip"),
        ("https://a.example?q=1", "https://a.example?***"),
        ("https://a:b@c:d@a.example/x#f", "https://a.example/x?***"),
        ("https://a.example/@x", "https://a.example/@x"),
        ("https://a:b@evil.example\\@good.example/x", "https://evil.example\\@good.example/x"),
        ("no address?q=1", "no address?***"),
    ];
    for (url, shown) in cases {
        assert_eq!(without_secrets(url), shown);
    }
}

#[test]
fn a_debug_print_of_a_request_shows_no_secret() {
    let request = JobRequest::read(body()).unwrap();
    assert_eq!(request.sealed.secrets.hf_token.as_ref().unwrap().reveal(), TOKEN);
    assert!(!format!("{request:?}").contains(TOKEN), "{request:?}");
}

#[test]
fn settings_hold_no_secret_and_no_source() {
    let settings = serde_json::to_string(&JobRequest::read(body()).unwrap().settings).unwrap();
    for absent in [TOKEN, "photos.example", "models.example", "hooks.example", "s3.example"] {
        assert!(!settings.contains(absent), "{settings}");
    }
}

#[test]
fn what_is_shown_of_a_request_is_all_but_its_secrets() {
    assert_eq!(
        shown_request(body()),
        json!({
            "input": {"train": {
                "data_url": "https://photos.example/x.zip?***", "hf_model": null, "hf_token": "***",
                "ckpt_link": "https://models.example/x.zip?***",
            }},
            "s3Config": {
                "accessId": "***", "accessSecret": "***", "bucketName": "models",
                "endpointUrl": "https://s3.example/x.zip?***",
            },
            "webhook": "***",
        })
    );
    let odd = json!({
        "input": {"train": {"hf_token": {"deep": TOKEN}, "data_url": [TOKEN]}}, "s3Config": TOKEN, "webhook": [TOKEN],
    });
    assert!(!shown_request(odd).to_string().contains(TOKEN));
    assert!(!shown_request(json!({"input": {"train": [{"hf_token": TOKEN}]}})).to_string().contains(TOKEN));
    assert_eq!(shown_request(json!({"input": {"train": null}, "extra": TOKEN})), json!({"input": {"train": null}}));
    assert_eq!(shown_request(json!([TOKEN])), Value::Null);
}

#[test]
fn no_error_repeats_a_secret_wherever_it_was_put() {
    let base = json!({"input": {"train": {"data_url": "https://photos.example/dog.zip"}}});
    let with = |pointer: &str, key: &str, value: Value| {
        let mut body = base.clone();
        body.pointer_mut(pointer).unwrap()[key] = value;
        body
    };
    let unusable = format!("https://photos example/x?sig={TOKEN}");
    let wrong = [
        with("/input/train", "hf_token", json!([TOKEN])),
        with("/input", "train", json!([{"hf_token": TOKEN}])),
        with("/input/train", "hf_tokn", json!(TOKEN)),
        with("/input/train", "data_url", json!(unusable)),
        with("/input/train", "ckpt_link", json!(format!("ftp://models.example/x?sig={TOKEN}"))),
        with("", "webhook", json!(format!("https://hooks.example/{TOKEN}{}", "x".repeat(5000)))),
        with("", "s3Config", json!({"accessId": TOKEN, "accessSecret": [TOKEN]})),
        with("", "s3Config", json!([TOKEN])),
        json!([{"hf_token": TOKEN}]),
        json!({"input": [{"hf_token": TOKEN}]}),
        json!({"input": {"inference": {"hf_token": TOKEN}}}),
    ];
    for body in wrong {
        let error = JobRequest::read(body).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(TOKEN), "{error}");
    }
}

#[test]
fn every_field_whose_name_says_secret_is_marked() {
    let fields = train_table().into_iter().chain([S3Config::table(), Envelope::table()].concat());
    for field in fields.filter(|field| field.kind == Kind::Text) {
        let name = field.name.to_ascii_lowercase();
        let expected = match name.as_str() {
            name if ["token", "secret", "accessid", "webhook"].iter().any(|word| name.contains(word)) => Secrecy::Whole,
            name if ["url", "link"].iter().any(|word| name.contains(word)) => Secrecy::Query,
            _ => Secrecy::Open,
        };
        assert_eq!(field.secrecy, expected, "{}", field.name);
    }
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

#[test]
fn the_address_of_a_concepts_zip_is_shown_without_its_signature() {
    let signed = |name: &str| format!("https://user:{TOKEN}@photos.example/{name}.zip?sig={TOKEN}");
    let concept = json!({"concept_name": "dog", "data_url": signed("dog"), "class_data_url": signed("dogs")});
    let body = json!({"input": {"train": {"concepts": [concept]}}});
    let shown = shown_request(body.clone()).to_string();
    assert!(shown.contains("https://photos.example/dogs.zip?***") && !shown.contains(TOKEN), "{shown}");
    let request = JobRequest::parse(body).unwrap();
    assert!(!serde_json::to_string(&request.settings).unwrap().contains("example"), "settings hold no source");
    assert_eq!(request.sealed.sources.concepts[0].data_url.as_ref().unwrap().reveal(), signed("dog"));
}
