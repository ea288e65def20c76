//! The body of `POST /run`: the envelope, the real bodies of the original endpoint, and what is refused with which words.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write as _;

use protocol::request::{INFERENCE_ITEMS_MAX, Sealed, Settings, Sources};
use protocol::{JobRequest, LrScheduler, RequestError, SamplerName, SchedulerName, TrainSettings};
use serde_json::{Value, json};

/// The smallest job: one zip to train on.
fn smallest() -> Value {
    json!({"input": {"train": {"data_url": "https://photos.example/dog.zip"}}})
}

/// `smallest()` with `value` at `pointer`; its parent must exist.
fn with(pointer: &str, value: Value) -> Value {
    let mut body = smallest();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap()[key] = value;
    body
}

fn parsed(body: &Value) -> JobRequest {
    JobRequest::parse(body.clone()).unwrap()
}

fn settings(body: &Value) -> Settings {
    parsed(body).settings
}

fn refusal(body: &Value) -> String {
    JobRequest::parse(body.clone()).unwrap_err().to_string()
}

fn real_body(name: &str) -> Option<Value> {
    let path = format!("{}/../../../shared/data/requests/{name}", env!("CARGO_MANIFEST_DIR"));
    let Ok(text) = std::fs::read_to_string(&path) else {
        writeln!(std::io::stdout().lock(), "skipped: the folder of real requests is not there ({name})").unwrap();
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

#[test]
fn the_demo_request_of_the_original_endpoint_is_understood() {
    let Some(body) = real_body("dog_demo.json") else { return };
    let request = settings(&body);
    let train = request.train.unwrap();
    assert_eq!(train.concept_name.as_deref(), Some("RWXdoggo"));
    assert_eq!((train.text_steps, train.unet_epochs, train.unet_resolution), (400, 100, 512));
    assert_eq!(train.unet_lr_scheduler, LrScheduler::Polynomial);
    assert_eq!(request.inference.len(), 2);
    assert_eq!(request.inference[0].images(), 10);
    assert_eq!(request.inference[0].sampler(), SamplerName::EulerA);
}

#[test]
fn the_real_request_with_a_misspelt_key_is_told_the_right_one() {
    let Some(body) = real_body("custom_ckpt.json") else { return };
    assert_eq!(refusal(&body), "input.train.cpkt_link is not a known parameter; perhaps ckpt_link was meant.");
}

#[test]
fn the_test_request_of_the_original_endpoint_is_understood() {
    let Some(body) = real_body("test_input.json") else { return };
    let item = &settings(&body).inference[0];
    assert_eq!((item.sampler(), item.schedule()), (SamplerName::DpmPp2SA, SchedulerName::Karras));
}

#[test]
fn the_smallest_request_gets_the_defaults_of_the_original() {
    let JobRequest { settings: request, sealed } = parsed(&smallest());
    let train = request.train.unwrap();
    assert_eq!((train.text_steps, train.text_seed, train.text_batch_size, train.text_resolution), (350, 555, 1, 512));
    assert_eq!((train.unet_epochs, train.unet_seed, train.unet_batch_size, train.unet_resolution), (150, 555, 1, 512));
    assert_eq!((train.text_learning_rate, train.unet_learning_rate), (1e-6, 2e-6));
    assert_eq!((train.text_lr_scheduler, train.unet_lr_scheduler), (LrScheduler::Linear, LrScheduler::Linear));
    assert!(!train.offset_noise && !train.text_8_bit_adam && !train.unet_8_bit_adam);
    assert!(request.inference.is_empty());
    assert_eq!(sealed.sources.data_url.unwrap().reveal(), "https://photos.example/dog.zip");
    assert!(sealed.secrets.webhook.is_none() && sealed.secrets.hf_token.is_none());
    assert_eq!((request.policy.executionTimeout, request.policy.ttl), (None, None));
}

#[test]
fn inference_alone_draws_with_the_base_model() {
    let JobRequest { settings: request, sealed } = parsed(&json!({"input": {"inference": [{"prompt": "a dog"}]}}));
    assert!(request.train.is_none());
    assert_eq!(sealed.sources, Sources::default());
    let item = &request.inference[0];
    assert_eq!((item.steps, item.cfg_scale, item.width, item.height, item.seed), (50, 7.0, 512, 512, -1));
    assert_eq!(item.sampler(), SamplerName::Euler);
}

#[test]
fn a_body_that_is_no_job_is_refused_with_the_way_out() {
    assert_eq!(refusal(&json!([])), "The body is a list, but must be a JSON object with the key \"input\".");
    assert_eq!(refusal(&json!({})), "input is missing; it must be an object with \"train\" and \"inference\".");
    assert_eq!(
        refusal(&json!({"input": "train"})),
        "input is the text \"train\", but must be an object with \"train\" and \"inference\"."
    );
    for empty in [json!({"input": {}}), json!({"input": {"train": null}}), json!({"input": {"inference": []}})] {
        assert_eq!(
            refusal(&empty),
            "input.train is missing; it must be an object with at least \"data_url\" (or give \"inference\" to draw with \
             the base model)."
        );
    }
}

#[test]
fn an_inference_item_needs_a_prompt() {
    for item in [json!({}), json!({"prompt": null})] {
        let body = with("/input/inference", json!([{"prompt": "first"}, item]));
        assert_eq!(
            refusal(&body),
            "input.inference[1].prompt is missing; it must be a text of at most 20000 characters."
        );
    }
    let body = with("/input/inference", json!({"prompt": "not in a list"}));
    assert_eq!(
        refusal(&body),
        "input.inference is an object, but must be a list of at most 100 objects, each with a \"prompt\"."
    );
}

#[test]
fn a_training_needs_its_zip() {
    assert_eq!(
        refusal(&json!({"input": {"train": {"concept_name": "dog"}}})),
        "input.train.data_url is missing; it must be the URL of a zip file with your images."
    );
    for wrong in ["ftp://a.example/x.zip", "photos.zip", "https://", "http:///x.zip", "https://a b.example/x", ""] {
        let sentence = refusal(&with("/input/train/data_url", json!(wrong)));
        assert_eq!(
            sentence,
            format!(
                "input.train.data_url is the text \"{wrong}\", but must be a URL of at most 4096 characters that begins with http:// \
                 or https:// or null."
            )
        );
    }
}

#[test]
fn wrong_types_are_named_with_the_value_that_was_found() {
    let cases = [
        ("text_steps", json!(1.5), "1.5, but must be a whole number from 0 to 100000."),
        ("text_steps", json!("many"), "the text \"many\", but must be a whole number from 0 to 100000."),
        ("text_steps", json!(true), "true, but must be a whole number from 0 to 100000."),
        ("text_steps", json!(-1), "-1, but must be a whole number from 0 to 100000."),
        ("text_steps", json!([350]), "a list, but must be a whole number from 0 to 100000."),
        ("unet_learning_rate", json!({"max": 1}), "an object, but must be a number from 0 to 1."),
        ("offset_noise", json!("yes"), "the text \"yes\", but must be true or false."),
        (
            "unet_lr_scheduler",
            json!("cosinus"),
            "the text \"cosinus\", but must be one of linear, cosine, cosine_with_restarts, polynomial, constant, \
             constant_with_warmup.",
        ),
        ("concept_name", json!(7), "7, but must be a text of at most 200 characters that is not blank or null."),
        (
            "concept_name",
            json!("  "),
            "the text \"  \", but must be a text of at most 200 characters that is not blank or null.",
        ),
        (
            "hf_model",
            json!("anything"),
            "the text \"anything\", but must be a repository name such as owner/name or null.",
        ),
        (
            "hf_model",
            json!("../secret"),
            "the text \"../secret\", but must be a repository name such as owner/name or null.",
        ),
    ];
    for (field, value, rest) in cases {
        assert_eq!(refusal(&with(&format!("/input/train/{field}"), value)), format!("input.train.{field} is {rest}"));
    }
}

#[test]
fn limits_are_stated_in_full() {
    let cases = [
        ("unet_resolution", json!(100), "100, but must be a multiple of 64 from 64 to 1024."),
        ("text_resolution", json!(2048), "2048, but must be a multiple of 64 from 64 to 1024."),
        ("text_steps", json!(100_001), "100001, but must be a whole number from 0 to 100000."),
        ("unet_batch_size", json!(0), "0, but must be a whole number from 1 to 16."),
        ("unet_learning_rate", json!(-0.5), "-0.5, but must be a number from 0 to 1."),
        ("text_seed", json!(-1), "-1, but must be a whole number from 0 to 4294967295."),
        (
            "adam_8_bit_block_size",
            json!(512),
            "512, but must be 256 or 2048 (the sizes that bitsandbytes has had) or null.",
        ),
    ];
    for (field, value, rest) in cases {
        assert_eq!(refusal(&with(&format!("/input/train/{field}"), value)), format!("input.train.{field} is {rest}"));
    }
}

#[test]
fn a_long_value_is_shortened_in_the_sentence() {
    let sentence = refusal(&with("/input/train/unet_lr_scheduler", json!("ü".repeat(10_000))));
    assert!(sentence.contains('…') && sentence.chars().count() < 300, "{sentence}");
}

#[test]
fn an_unknown_key_is_told_the_nearest_known_one_or_all_of_them() {
    let unknown = |pointer: &str| refusal(&with(pointer, json!(1)));
    assert_eq!(
        unknown("/input/train/unet_epoch"),
        "input.train.unet_epoch is not a known parameter; perhaps unet_epochs was meant."
    );
    assert_eq!(unknown("/input/trian"), "input.trian is not a known parameter; perhaps train was meant.");
    assert_eq!(unknown("/input/zzzzzzzzzz"), "input.zzzzzzzzzz is not a known parameter; known are train, inference.");
    let sentence = unknown("/input/train/a_key_far_from_all_others");
    assert!(sentence.contains("known are data_url, hf_model, hf_revision, hf_token"), "{sentence}");
}

#[test]
fn unknown_keys_beside_input_are_dropped() {
    let mut body = smallest();
    body["id"] = json!("client-side");
    body["colour"] = json!({"of": "the envelope"});
    assert!(JobRequest::parse(body.clone()).is_ok());
}

#[test]
fn a_model_comes_from_one_place_only() {
    let mut body = with("/input/train/hf_model", json!("andite/anything-v4.0"));
    assert!(JobRequest::parse(body.clone()).is_ok());
    body["input"]["train"]["ckpt_link"] = json!("https://models.example/a.ckpt");
    assert_eq!(
        refusal(&body),
        "input.train.hf_model and input.train.ckpt_link are both given; leave one of them out, a training starts from \
         one model."
    );
    body["input"]["train"]["hf_model"] = Value::Null;
    assert!(JobRequest::parse(body.clone()).is_ok());
}

#[test]
fn a_revision_without_its_repository_is_refused() {
    let mut body = with("/input/train/hf_revision", json!("fp16"));
    let sentence = "input.train.hf_revision is given without input.train.hf_model, so it is the revision of nothing; name the \
                    repository in input.train.hf_model, or leave input.train.hf_revision out.";
    assert_eq!(refusal(&body), sentence);
    body["input"]["train"]["ckpt_link"] = json!("https://models.example/a.ckpt");
    assert_eq!(refusal(&body), sentence);
    body["input"]["train"]["ckpt_link"] = Value::Null;
    body["input"]["train"]["hf_model"] = json!("o/m");
    assert!(JobRequest::parse(body).is_ok());
}

#[test]
fn null_is_the_same_as_leaving_a_field_out() {
    let keys = [
        "concept_name",
        "offset_noise",
        "pndm_scheduler",
        "hf_model",
        "hf_revision",
        "hf_token",
        "ckpt_link",
        "text_steps",
        "text_seed",
        "text_batch_size",
        "text_resolution",
        "text_learning_rate",
        "text_lr_scheduler",
        "text_8_bit_adam",
        "text_training",
        "unet_seed",
        "unet_batch_size",
        "unet_resolution",
        "unet_epochs",
        "unet_learning_rate",
        "unet_lr_scheduler",
        "unet_8_bit_adam",
    ];
    let mut body = smallest();
    for key in keys {
        body["input"]["train"][key] = Value::Null;
    }
    for key in ["webhook", "webhookV2", "policy", "s3Config"] {
        body[key] = Value::Null;
    }
    assert_eq!(parsed(&body), parsed(&smallest()));
}

#[test]
fn a_null_sampler_name_gives_way_to_sampler_index() {
    let sampler = |item: Value| settings(&json!({"input": {"inference": [item]}})).inference[0].sampler();
    assert_eq!(sampler(json!({"prompt": "p", "sampler_index": "Euler a"})), SamplerName::Euler);
    assert_eq!(sampler(json!({"prompt": "p", "sampler_name": null, "sampler_index": "Euler a"})), SamplerName::EulerA);
    assert_eq!(sampler(json!({"prompt": "p", "sampler_name": "k_euler_ancestral"})), SamplerName::EulerA);
    assert_eq!(sampler(json!({"prompt": "p", "sampler_name": "EULER A"})), SamplerName::EulerA);
}

#[test]
fn numbers_may_be_written_as_texts_or_with_a_point() {
    let mut body = smallest();
    body["input"]["train"]["text_steps"] = json!("350");
    body["input"]["train"]["unet_epochs"] = json!(20.0);
    body["input"]["train"]["unet_learning_rate"] = json!("2e-6");
    body["input"]["train"]["text_learning_rate"] = json!(1);
    let train = settings(&body).train.unwrap();
    assert_eq!((train.text_steps, train.unet_epochs), (350, 20));
    assert_eq!((train.unet_learning_rate, train.text_learning_rate), (2e-6, 1.0));
    for not_a_number in ["NaN", "inf", "1e999", ""] {
        body["input"]["train"]["unet_learning_rate"] = json!(not_a_number);
        assert!(refusal(&body).ends_with("but must be a number from 0 to 1."), "{not_a_number}");
    }
}

#[test]
fn passback_returns_whatever_json_it_was() {
    for value in [json!("a text"), json!(7), json!({"deep": [1, {"er": null}]}), json!([]), json!(false)] {
        let body = json!({"input": {"inference": [{"prompt": "p", "passback": value}]}});
        assert_eq!(settings(&body).inference[0].passback.as_ref(), Some(&value));
    }
}

#[test]
fn the_misspelt_alias_of_the_documentation_is_accepted() {
    let item = |key: &str, value: i64| json!({"input": {"inference": [{"prompt": "p", key: value}]}});
    let parsed = settings(&item("seed_resized_from_w", 0));
    assert_eq!(parsed.inference[0].seed_resize_from_w, 0);
    assert_eq!(
        refusal(&item("seed_resized_from_w", 512)),
        "input.inference[0].seed_resized_from_w is 512, but must be 0 or -1 (seed resizing is not available in this \
         version)."
    );
}

#[test]
fn an_item_cannot_ask_for_more_images_than_a_page_holds() {
    let item =
        |batch: u32, n: u32| json!({"input": {"inference": [{"prompt": "p", "batch_size": batch, "n_iter": n}]}});
    assert_eq!(settings(&item(32, 8)).inference[0].images(), 256);
    assert_eq!(
        refusal(&item(32, 9)),
        "input.inference[0].batch_size x input.inference[0].n_iter is 288, but must be at most 256; split the item."
    );
    let many = vec![json!({"prompt": "p"}); INFERENCE_ITEMS_MAX + 1];
    assert_eq!(
        refusal(&json!({"input": {"inference": many}})),
        "input.inference is a list of 101 objects, but must be a list of at most 100 objects, each with a \"prompt\"."
    );
}

#[test]
fn a_webhook_is_an_address_and_its_second_name_counts_when_the_first_is_absent() {
    let webhook = |body: &Value| parsed(body).sealed.secrets.webhook.map(|url| url.reveal().to_owned());
    let mut body = with("/webhook", json!("https://hooks.example/a?token=1"));
    assert_eq!(webhook(&body).as_deref(), Some("https://hooks.example/a?token=1"));
    body["webhookV2"] = json!("https://hooks.example/b");
    assert_eq!(webhook(&body).as_deref(), Some("https://hooks.example/a?token=1"));
    body["webhook"] = Value::Null;
    assert_eq!(webhook(&body).as_deref(), Some("https://hooks.example/b"));
    assert_eq!(webhook(&with("/webhook", json!(""))), None);
    assert_eq!(refusal(&with("/policy", json!(""))), "policy is the text \"\", but must be an object.");
    assert_eq!(
        refusal(&with("/webhook", json!("hooks.example"))),
        "webhook is a value that is not shown, but must be a URL of at most 4096 characters that begins with http:// or \
         https:// or null."
    );
}

#[test]
fn a_policy_has_runpods_keys_and_limits() {
    let policy = json!({"executionTimeout": 600_000, "ttl": 86_400_000, "lowPriority": true});
    let parsed = settings(&with("/policy", policy)).policy;
    assert_eq!((parsed.executionTimeout, parsed.ttl, parsed.lowPriority), (Some(600_000), Some(86_400_000), true));
    assert_eq!(
        refusal(&with("/policy", json!({"ttl": 9_999}))),
        "policy.ttl is 9999, but must be a whole number from 10000 to 604800000 or null."
    );
    assert_eq!(
        refusal(&with("/policy", json!({"executiontimeout": 1}))),
        "policy.executiontimeout is not a known parameter; perhaps executionTimeout was meant."
    );
}

#[test]
fn a_bucket_of_ones_own_is_refused_before_a_training_is_wasted() {
    let mut bucket = json!({"accessId": "id", "accessSecret": "hidden", "bucketName": "models"});
    assert!(
        refusal(&with("/s3Config", bucket.clone())).starts_with("s3Config.endpointUrl is missing; it must be a URL")
    );
    bucket["endpointUrl"] = json!("https://s3.example");
    let sentence = refusal(&with("/s3Config", bucket));
    assert!(sentence.starts_with("s3Config is given, but uploading to your own bucket is not available"), "{sentence}");
    assert!(!sentence.contains("hidden"));
}

#[test]
fn settings_and_what_is_sealed_survive_their_own_json() {
    let mut body = with("/input/train/hf_token", json!("hf_abc"));
    body["input"]["inference"] = json!([{"prompt": "p", "passback": {"a": 1}, "sampler_name": null}]);
    body["webhook"] = json!("https://hooks.example/secret");
    body["s3Config"] = json!({
        "accessId": "id", "accessSecret": "key", "bucketName": "b", "endpointUrl": "https://s3.example", "objectPath": "models",
    });
    let JobRequest { settings, sealed } = JobRequest::read(body).unwrap();
    let text = serde_json::to_string(&settings).unwrap();
    assert_eq!(serde_json::from_str::<Settings>(&text).unwrap(), settings);
    let text = serde_json::to_string(&sealed).unwrap();
    assert_eq!(serde_json::from_str::<Sealed>(&text).unwrap(), sealed);
}

#[test]
fn the_settings_of_a_training_may_be_read_without_its_sources() {
    let alone = json!({"data_url": "https://photos.example/dog.zip", "text_steps": 7});
    assert_eq!(TrainSettings::parse_alone(alone, "train").unwrap().text_steps, 7);
    let error = TrainSettings::parse_alone(json!({"text_step": 7}), "train").unwrap_err();
    assert_eq!(error.to_string(), "train.text_step is not a known parameter; perhaps text_steps was meant.");
}

#[test]
fn a_key_of_ten_megabytes_is_not_echoed() {
    let sentence = refusal(&with(&format!("/input/train/{}", "k".repeat(10 << 20)), json!(1)));
    assert!(sentence.len() < 1_000, "{} bytes", sentence.len());
}

#[test]
fn a_body_that_is_not_json_names_the_place() {
    let reason = serde_json::from_str::<Value>("{\"input\": }").unwrap_err().to_string();
    assert_eq!(
        RequestError::NotJson { reason }.to_string(),
        "The body is not valid JSON (expected value at line 1 column 11); send a JSON object with the key \"input\"."
    );
}

#[test]
fn a_lora_that_names_no_learning_rate_gets_the_usual_ones_of_loras() {
    let rates = |train: Value| {
        let settings = TrainSettings::parse_alone(train, "train").unwrap();
        (settings.text_learning_rate, settings.unet_learning_rate)
    };
    assert_eq!(rates(json!({})), (1e-6, 2e-6));
    assert_eq!(rates(json!({"network": "lora"})), (5e-5, 1e-4));
    assert_eq!(rates(json!({"network": "lora", "unet_learning_rate": 1e-5})), (5e-5, 1e-5));
}

#[test]
fn several_concepts_have_names_and_folders_of_their_own() {
    let body = json!({"input": {"train": {
        "data_url": "https://photos.example/both.zip",
        "concepts": [
            {"concept_name": "rex", "folder": "dog", "class_prompt": "a dog"},
            {"concept_name": "mia", "data_url": "https://photos.example/cat.zip"},
        ],
    }}});
    let train = parsed(&body).settings.train.unwrap();
    let folders: Vec<_> =
        train.concepts.iter().map(|concept| (concept.name.as_str(), concept.folder.as_str())).collect();
    assert_eq!(folders, [("rex", "dog"), ("mia", "concept-1")]);
    assert_eq!(train.concepts[0].class_prompt.as_deref(), Some("a dog"));
}

#[test]
fn concepts_are_refused_where_it_is_not_clear_which_images_are_theirs() {
    let refused = |train: Value| refusal(&json!({"input": {"train": train}}));
    let zip = "https://photos.example/a.zip";
    let cases = [
        (json!({"data_url": zip, "concepts": [{"concept_name": "rex"}]}), "input.train.concepts[0].folder is missing"),
        (json!({"concepts": [{"concept_name": "rex", "folder": "dog"}]}), "input.train.data_url is missing"),
        (
            json!({"concepts": [{"concept_name": "rex", "folder": "dog", "data_url": zip}]}),
            "input.train.concepts[0].data_url and input.train.concepts[0].folder are both given",
        ),
        (json!({"data_url": zip, "concepts": [{"folder": "dog"}]}), "input.train.concepts[0].concept_name is missing"),
        (
            json!({"data_url": zip, "concepts": [{"concept_name": "rex", "folder": "../dog"}]}),
            "input.train.concepts[0].folder is the text \"../dog\", but must be",
        ),
        (
            json!({"concept_name": "rex", "concepts": [{"concept_name": "mia", "data_url": zip}]}),
            "input.train.concept_name and input.train.concepts are both given",
        ),
    ];
    for (train, begins) in cases {
        let sentence = refused(train);
        assert!(sentence.starts_with(begins), "{sentence}");
    }
}
