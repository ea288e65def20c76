//! Bad input gets one clear sentence that names the field or file, and leaves nothing behind.

use std::collections::HashMap;

use crate::support::{FileServer, Service, checkpoint, photo, photos_zip, quick_training, zip_of};
use serde_json::{Value, json};

/// A pickle (protocol 2) that would run `os.system("true")` in a reader that obeys it.
const CODE_PICKLE: &[u8] = b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.";

#[test]
fn a_wrong_request_is_refused_at_once_with_a_sentence_that_names_the_field() {
    let data = tempfile::tempdir().unwrap();
    let service = Service::start(data.path(), &["--role", "api"]);
    let zip = "http://example.com/a.zip";
    let cases = [
        (json!({"input": {"train": {"data_url": zip, "text_steps": true}}}), "input.train.text_steps is true"),
        (json!({"input": {"train": {"data_url": 5}}}), "input.train.data_url is 5"),
        (json!({"input": {"train": {"data_url": zip, "hf_model": "a/b", "ckpt_link": zip}}}), "hf_model and"),
        (json!({"input": {"train": {"data_url": zip, "cpkt_link": zip}}}), "perhaps ckpt_link was meant"),
        (json!({"input": {"train": {}}}), "input.train.data_url is missing"),
        (json!({"input": {"inference": [{"steps": 3}]}}), "input.inference[0].prompt is missing"),
        (json!({"input": {"train": {"data_url": zip, "unet_resolution": 100}}}), "a multiple of 64 from 64 to 1024"),
        (json!({"input": {"inference": [{"prompt": "p", "sampler_name": "Eular"}]}}), "one of DPM++ 2M, DPM++ SDE, "),
        (json!({"input": []}), "input is a list"),
        (json!({}), "input is missing"),
    ];
    for (body, words) in cases {
        let (status, answer) = service.post("/v2/dream-booth-v1/run", &body);
        let sentence = answer["error"].as_str().unwrap_or_default();
        assert!(status == 400 && sentence.contains(words), "{body} gave {status} {answer}");
    }
    assert_eq!(service.get("/v2/dream-booth-v1/health").1["jobs"]["inQueue"], 0);
}

#[test]
fn a_job_that_cannot_be_done_fails_with_a_sentence_and_leaves_nothing_behind() {
    let data = tempfile::tempdir().unwrap();
    let mut corrupt = photo(1);
    corrupt.truncate(90);
    let weights = tempfile::tempdir().unwrap();
    let mut truncated = checkpoint(weights.path());
    truncated.truncate(truncated.len() / 2);
    let files = FileServer::start(HashMap::from([
        ("good.zip".into(), photos_zip()),
        ("not.zip".into(), b"<html>a web page</html>".to_vec()),
        ("empty.zip".into(), zip_of(&[("notes.txt", b"no pictures here")])),
        ("corrupt.zip".into(), zip_of(&[("broken.png", &corrupt)])),
        ("truncated.safetensors".into(), truncated),
        ("code.ckpt".into(), CODE_PICKLE.to_vec()),
        ("page.ckpt".into(), b"<!doctype html>".to_vec()),
    ]));
    let service = Service::start(data.path(), &["--allow-private-networks", "--hub-endpoint", &files.url("hub")]);
    let with_checkpoint = |file: &str| {
        let mut training = quick_training(&files.url("good.zip"));
        training["ckpt_link"] = files.url(file).into();
        training
    };
    let mut absent_from_the_hub = quick_training(&files.url("good.zip"));
    absent_from_the_hub["hf_model"] = "nobody/nothing".into();
    let cases: [(Value, &[&str]); 8] = [
        (quick_training(&files.url("not.zip")), &["data_url", "zip"]),
        (quick_training(&files.url("empty.zip")), &["data_url", "no images"]),
        (quick_training(&files.url("corrupt.zip")), &["broken.png"]),
        (quick_training(&files.url("missing.zip")), &["404"]),
        (with_checkpoint("truncated.safetensors"), &["ckpt_link", "download it again"]),
        (with_checkpoint("code.ckpt"), &["ckpt_link", "os.system"]),
        (with_checkpoint("page.ckpt"), &["ckpt_link"]),
        (absent_from_the_hub, &["hf_model", "nobody/nothing"]),
    ];
    for (training, words) in cases {
        let id = service.submit(&training, &[]);
        let view = service.wait(&id);
        let sentence = view["error"].as_str().unwrap_or_default();
        assert_eq!(view["status"], "FAILED", "{training} gave {view}");
        assert!(words.iter().all(|word| sentence.to_lowercase().contains(word)), "{training} gave {sentence}");
        println!("{sentence}");
    }
    assert_eq!(service.leftovers(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_private_address_is_not_asked_unless_the_operator_allows_it() {
    let data = tempfile::tempdir().unwrap();
    let files = FileServer::start(HashMap::from([("good.zip".into(), photos_zip())]));
    let service = Service::start(data.path(), &[]);
    let id = service.submit(&quick_training(&files.url("good.zip")), &[]);
    let view = service.wait(&id);
    let sentence = view["error"].as_str().unwrap_or_default();
    assert!(view["status"] == "FAILED" && sentence.contains("127.0.0.1"), "{view}");
}
