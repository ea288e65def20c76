//! The main job: a zip of photos goes in, a trained model and pictures come out.

use std::collections::HashMap;

use crate::support::service::{fetch, wait_for};
use crate::support::{FileServer, Service, checkpoint, photos_zip, quick_picture, quick_training};
use serde_json::json;

#[test]
fn a_zip_and_prompts_become_a_model_and_pictures() {
    let data = tempfile::tempdir().unwrap();
    let files = FileServer::start(HashMap::from([("photos.zip".into(), photos_zip())]));
    let service = Service::start(data.path(), &["--allow-private-networks"]);
    let (status, accepted) = service.post(
        "/v2/dream-booth-v1/run",
        &json!({
            "input": {
                "train": quick_training(&files.url("photos.zip")),
                "inference": [quick_picture(), {"prompt": "two", "steps": 1, "width": 64, "height": 64, "batch_size": 2, "passback": "mine"}],
            },
            "webhook": files.url("hook"),
        }),
    );
    assert_eq!(status, 200, "{accepted}");
    let id = accepted["id"].as_str().unwrap();
    let view = service.wait(id);
    assert_eq!(view["status"], "COMPLETED", "{view}");

    let items = view["output"]["inference"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    let png = fetch(items[0]["images"][0].as_str().unwrap());
    let reader = png::Decoder::new(std::io::Cursor::new(&png)).read_info().unwrap();
    assert_eq!((reader.info().width, reader.info().height), (64, 64));
    assert_eq!(reader.info().uncompressed_latin1_text[0].keyword, "parameters");
    assert!(reader.info().uncompressed_latin1_text[0].text.contains("Seed: 7"));
    assert_eq!(items[1]["images"].as_array().unwrap().len(), 2);
    assert_eq!(items[1]["passback"], "mine");
    assert_eq!(items[0]["parameters"]["steps"], 2);
    let info: serde_json::Value = serde_json::from_str(items[0]["info"].as_str().unwrap()).unwrap();
    assert_eq!(info["all_seeds"], json!([7]));

    assert!(fetch(view["output"]["train"]["checkpoint_url"].as_str().unwrap()).starts_with(b"PK"));
    let report = fetch(view["output"]["train"]["report_url"].as_str().unwrap());
    assert!(report.starts_with(b"{"));

    let (_, v1) = service.get(&format!("/v1/dream-booth-v1/status/{id}"));
    assert_eq!(v1["input"]["train"]["concept_name"], "wixbs");
    let body = wait_for("the webhook", || files.posted.lock().unwrap().first().cloned());
    let body: serde_json::Value = serde_json::from_str(&body.1).unwrap();
    assert_eq!((&body["id"], &body["status"]), (&json!(id), &json!("COMPLETED")));
    let (_, health) = service.get("/v2/dream-booth-v1/health");
    assert_eq!(health["jobs"]["completed"], 1);
}

#[test]
fn the_same_seed_gives_the_same_picture_in_another_job_and_batch() {
    let data = tempfile::tempdir().unwrap();
    let service = Service::start(data.path(), &[]);
    let picture = |seed: u64, batch: u64| json!({"prompt": "p", "steps": 2, "width": 64, "height": 64, "seed": seed, "batch_size": batch, "sampler_name": "Euler a"});
    let draw = |item| {
        let (_, accepted) = service.post("/v2/dream-booth-v1/run", &json!({"input": {"inference": [item]}}));
        let view = service.wait(accepted["id"].as_str().unwrap());
        let images = view["output"]["inference"][0]["images"].as_array().unwrap().clone();
        images.iter().map(|url| fetch(url.as_str().unwrap())).collect::<Vec<_>>()
    };
    let batch = draw(picture(5, 3));
    assert_eq!(draw(picture(7, 1))[0], batch[2]);
    assert_ne!(batch[0], batch[1]);
}

#[test]
fn a_training_may_start_from_a_linked_checkpoint() {
    let data = tempfile::tempdir().unwrap();
    let weights = tempfile::tempdir().unwrap();
    let files = FileServer::start(HashMap::from([
        ("photos.zip".into(), photos_zip()),
        ("model".into(), checkpoint(weights.path())),
    ]));
    let service = Service::start(data.path(), &["--allow-private-networks"]);
    let mut training = quick_training(&files.url("photos.zip"));
    training["ckpt_link"] = files.url("model").into();
    let view = service.wait(&service.submit(&training, &[]));
    assert_eq!(view["status"], "COMPLETED", "{view}");
    let report: serde_json::Value =
        serde_json::from_slice(&fetch(view["output"]["train"]["report_url"].as_str().unwrap())).unwrap();
    assert_eq!(report["base_model"], "ckpt_link");
}
