//! Which base model the child is told, by what the request says of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use protocol::{Assignment, FidelityModels, JobStatus, SupervisorMessage};
use serde_json::{Value, json};

use crate::site::Site;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const TOKEN: &str = "hf_hunter2";
/// The operator's weights of DINO.
const JUDGE: &str = "/models/dino-vits16";
/// A zip without entries.
const PHOTOS: &[u8] = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// Writes down what it is told, and works until it is stopped.
const LISTENER: &str = r#"
    ready
    while read -r line; do
      case "$line" in
        *'"command":"run"'*) printf '%s' "$line" > "$SITE/told.part"; mv "$SITE/told.part" "$SITE/told" ;;
        *'"command":"end"'*) exit 0 ;;
        *) stopped ;;
      esac
    done"#;

/// A path, and the token that was shown for it.
type Asked = (String, Option<String>);

/// A host of files and a hub in one.
#[derive(Clone, Default)]
struct Host {
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Host {
    async fn start() -> (Self, String) {
        let host = Self::default();
        let served = host.clone();
        let app = axum::Router::new().fallback(move |request: Request| {
            let served = served.clone();
            async move { served.answer(&request) }
        });
        let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        (host, base)
    }

    fn answer(&self, request: &Request) -> Response {
        let path = request.uri().path().to_owned();
        let token = request.headers().get("authorization").map(|token| token.to_str().unwrap().to_owned());
        self.asked.lock().unwrap().push((path.clone(), token));
        let files: BTreeMap<&str, &[u8]> = [
            ("photos.zip", PHOTOS),
            ("class.zip", PHOTOS),
            ("model.ckpt", b"PK\x03\x04 a checkpoint"),
            ("page.ckpt", b"<html><title>Sign in</title>"),
            ("unet/config.json", b"{}"),
            ("text_encoder/config.json", b"{}"),
            ("vae/config.json", b"{}"),
            ("unet/diffusion_pytorch_model.safetensors", b"unet"),
            ("text_encoder/model.safetensors", b"text"),
            ("vae/diffusion_pytorch_model.safetensors", b"vae"),
        ]
        .into();
        let name = path.trim_start_matches('/').trim_start_matches("o/m/resolve/");
        let name = name.strip_prefix("v2/").or(name.strip_prefix(&format!("{COMMIT}/"))).unwrap_or(name);
        let answer = Response::builder().header("x-repo-commit", COMMIT);
        match files.get(name) {
            Some(bytes) => answer.body(Body::from(bytes.to_vec())).unwrap(),
            None => answer.status(404).body(Body::empty()).unwrap(),
        }
    }
}

/// A job with these fields of `input.train`, at a supervisor whose hub is the host.
async fn told(fields: Value) -> (Site, Host, Result<Assignment, String>) {
    let site = Site::new().await;
    let (host, base) = Host::start().await;
    let mut train = json!({"data_url": format!("{base}/photos.zip")});
    for (name, value) in fields.as_object().unwrap() {
        train[name] = serde_json::from_str(&value.to_string().replace("BASE", &base)).unwrap();
    }
    let job = site.submit_as(json!({ "train": train }), None).await;
    let mut config = site.config(LISTENER);
    config.models.hub_endpoint = base;
    config.fidelity.dino_dir = Some(JUDGE.into());
    let working = site.work_as(config);
    let path = site.path("told");
    let record = site.until(&job, |record| path.exists() || record.status == JobStatus::Failed).await;
    working.stop().await;
    let assignment = match std::fs::read_to_string(&path) {
        Err(_) => Err(record.failure.unwrap().sentence),
        Ok(text) => match serde_json::from_str(&text).unwrap() {
            SupervisorMessage::Run(assignment) => {
                assert!(!text.contains("hunter2"), "{text}");
                Ok(*assignment)
            }
            other => panic!("{other:?}"),
        },
    };
    (site, host, assignment)
}

#[tokio::test]
async fn a_repository_is_fetched_at_its_revision_with_its_token() {
    let (_site, host, assignment) = told(json!({"hf_model": "o/m", "hf_revision": "v2", "hf_token": TOKEN})).await;
    let model = assignment.unwrap().model;
    assert!(model.ends_with(&format!("models/hub/o--m/{COMMIT}")), "{model}");
    let asked = host.asked.lock().unwrap();
    let of_hub = || asked.iter().filter(|(path, _)| path.starts_with("/o/m/"));
    assert!(of_hub().count() > 6 && of_hub().all(|(_, token)| *token == Some(format!("Bearer {TOKEN}"))));
    assert_eq!(of_hub().next().unwrap().0, "/o/m/resolve/v2/unet/config.json");
    assert!(asked.iter().any(|(path, token)| path == "/photos.zip" && token.is_none()));
}

#[tokio::test]
async fn a_checkpoints_averaged_weights_are_asked_for_by_its_name() {
    for (ema, ending) in [(false, "inputs/ckpt_link.ckpt"), (true, "inputs/ckpt_link.ckpt@ema")] {
        let (_site, _, assignment) = told(json!({"ckpt_link": "BASE/model.ckpt", "ckpt_ema": ema})).await;
        let model = assignment.unwrap().model;
        assert!(model.ends_with(ending), "{model}");
    }
}

#[tokio::test]
async fn averaged_weights_of_no_checkpoint_and_pages_instead_of_files_are_refused() {
    let refusal = |fields| async { told(fields).await.2.unwrap_err() };
    let sentence = refusal(json!({"hf_model": "o/m", "ckpt_ema": true})).await;
    assert!(sentence.contains("input.train.ckpt_ema is true, but there is no ckpt_link"), "{sentence}");
    let sentence = refusal(json!({"ckpt_link": "BASE/page.ckpt"})).await;
    assert!(sentence.contains(r#"/page.ckpt is a web page titled "Sign in", but must be a .ckpt"#), "{sentence}");
}

#[tokio::test]
async fn the_child_is_told_who_judges_the_pictures() {
    let (_site, _, assignment) = told(json!({})).await;
    let judges = assignment.unwrap().train.unwrap().fidelity;
    assert_eq!(judges, FidelityModels { clip_dir: None, dino_dir: Some(JUDGE.into()) });
}

#[tokio::test]
async fn zips_of_the_class_and_of_concepts_are_unpacked_beside_the_photos() {
    let (_site, _, assignment) = told(json!({"class_data_url": null})).await;
    assert_eq!(assignment.unwrap().train.unwrap().class_images_dir, None);

    let (_site, host, assignment) = told(json!({"class_data_url": "BASE/class.zip"})).await;
    let train = assignment.unwrap().train.unwrap();
    let class_images = train.class_images_dir.unwrap();
    assert!(train.images_dir.ends_with("inputs/images") && class_images.ends_with("inputs/class-images"));
    let fetched: Vec<String> = host.asked.lock().unwrap().iter().map(|(path, _)| path.clone()).collect();
    assert_eq!(fetched, ["/photos.zip", "/class.zip"]);

    let concepts = json!([
        {"concept_name": "sks dog", "folder": "dogs"},
        {"concept_name": "sks cat", "data_url": "BASE/photos.zip", "class_data_url": "BASE/class.zip"},
    ]);
    let (_site, _, assignment) = told(json!({ "concepts": concepts })).await;
    let train = assignment.unwrap().train.unwrap();
    let folders: Vec<&str> = train.settings.concepts.iter().map(|concept| concept.folder.as_str()).collect();
    assert_eq!(folders, ["dogs", "concept-1"]);
    assert!(train.images_dir.join("concept-1").is_dir());
    assert!(train.class_images_dir.unwrap().join("concept-1").is_dir());
}
