//! A repository of any make becomes a folder that can be opened, or a sentence that says what it is.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod web;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use protocol::{FailureCode, Secret};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use transfer::TransferError;
use transfer::hub::{HubFolder, HubModel, fetch};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// Files by `owner/name/path`; what is no JSON is large, and has a hash.
#[derive(Default)]
struct Hub {
    files: Mutex<BTreeMap<String, Vec<u8>>>,
    /// Files that break off in their middle.
    breaks: Mutex<Vec<String>>,
    /// What was given of files, as `path` or `path from N`.
    given: Mutex<Vec<String>>,
    /// Answers of another kind: status, error code, error message.
    refuses: Mutex<Option<(u16, &'static str, &'static str)>>,
}

fn weights(name: &str) -> Vec<u8> {
    name.bytes().cycle().take(5000).collect()
}

/// A whole repository in full precision.
fn repository(name: &str) -> BTreeMap<String, Vec<u8>> {
    let configs = ["model_index.json", "unet/config.json", "text_encoder/config.json", "vae/config.json"];
    let large = [
        "unet/diffusion_pytorch_model.safetensors",
        "text_encoder/model.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
    ];
    let configs = configs.into_iter().map(|file| (format!("{name}/{file}"), b"{}".to_vec()));
    configs.chain(large.into_iter().map(|file| (format!("{name}/{file}"), weights(file)))).collect()
}

impl Hub {
    async fn start(files: BTreeMap<String, Vec<u8>>) -> (Arc<Self>, String) {
        let hub = Arc::new(Self { files: Mutex::new(files), ..Self::default() });
        let front = hub.clone();
        let endpoint = web::serve(move |request, _| front.answer(request)).await;
        (hub, endpoint)
    }

    fn answer(&self, request: &Request) -> Response {
        if let Some((status, code, message)) = *self.refuses.lock().unwrap() {
            let answer = Response::builder().status(status).header("x-error-message", message);
            let answer = if code.is_empty() { answer } else { answer.header("x-error-code", code) };
            return answer.body(Body::empty()).unwrap();
        }
        let path = request.uri().path().trim_start_matches('/');
        let Some((repo, rest)) = path.split_once("/resolve/") else { return web::status(400) };
        let Some((_revision, file)) = rest.split_once('/') else { return web::status(400) };
        let name = format!("{repo}/{file}");
        let Some(bytes) = self.files.lock().unwrap().get(&name).cloned() else { return web::status(404) };
        let is_large = !name.ends_with(".json");
        let mut answer = match (request.method() == "GET", web::range_start(request)) {
            (true, Some(start)) => {
                self.given.lock().unwrap().push(format!("{file} from {start}"));
                web::rest(&bytes, request, "\"v1\"")
            }
            (true, None) => {
                self.given.lock().unwrap().push(file.to_owned());
                match self.breaks.lock().unwrap().iter().any(|breaks| *breaks == file) {
                    true => web::cut(&bytes[..2000], bytes.len(), "\"v1\""),
                    false => web::whole(bytes.clone()),
                }
            }
            (false, _) => web::whole(Vec::new()),
        };
        answer.headers_mut().insert("x-repo-commit", COMMIT.parse().unwrap());
        if is_large {
            let hash = hex::encode(Sha256::digest(&bytes));
            answer.headers_mut().insert("x-linked-etag", format!("\"{hash}\"").parse().unwrap());
            answer.headers_mut().insert("x-linked-size", bytes.len().into());
        }
        answer
    }

    fn given(&self) -> Vec<String> {
        std::mem::take(&mut self.given.lock().unwrap())
    }
}

struct Client {
    endpoint: String,
    cache: tempfile::TempDir,
}

impl Client {
    fn new(endpoint: String) -> Self {
        Self { endpoint, cache: tempfile::tempdir().unwrap() }
    }

    async fn fetch(&self, repo: &str) -> Result<HubFolder, TransferError> {
        self.fetch_with(repo, None).await
    }

    async fn fetch_with(&self, repo: &str, token: Option<&Secret>) -> Result<HubFolder, TransferError> {
        let model = HubModel { endpoint: &self.endpoint, repo, revision: "main", token };
        fetch(&web::open_network(), model, self.cache.path(), web::quick(), |_| {}).await
    }
}

fn index_of(shards: &[&str]) -> Vec<u8> {
    let map: serde_json::Map<String, Value> =
        shards.iter().enumerate().map(|(n, shard)| (format!("tensor.{n}"), json!(shard))).collect();
    json!({"metadata": {"total_size": 1}, "weight_map": map}).to_string().into_bytes()
}

#[tokio::test]
async fn a_network_in_several_files_comes_with_all_of_them() {
    let shards =
        ["diffusion_pytorch_model-00001-of-00002.safetensors", "diffusion_pytorch_model-00002-of-00002.safetensors"];
    let mut files = repository("o/m");
    files.remove("o/m/unet/diffusion_pytorch_model.safetensors");
    files.insert("o/m/unet/diffusion_pytorch_model.fp16.safetensors".into(), weights("half"));
    files.insert(
        "o/m/unet/diffusion_pytorch_model.safetensors.index.json".into(),
        index_of(&[shards[1], shards[0], shards[1]]),
    );
    for shard in shards {
        files.insert(format!("o/m/unet/{shard}"), weights(shard));
    }
    let (_, endpoint) = Hub::start(files).await;
    let client = Client::new(endpoint);
    let folder = client.fetch("o/m").await.unwrap();
    let unet: Vec<_> = web::files_below(&folder.path().join("unet"));
    let index = "diffusion_pytorch_model.safetensors.index.json";
    assert_eq!(unet, ["config.json", shards[0], shards[1], index]);
    assert_eq!(std::fs::read(folder.path().join("unet").join(shards[1])).unwrap(), weights(shards[1]));
}

#[tokio::test]
async fn an_index_that_leads_nowhere_or_elsewhere_is_refused_before_its_files_are_fetched() {
    let many: Vec<String> = (0..101).map(|n| format!("{n}.bin")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for (index, reason) in [
        (index_of(&["missing.bin"]), "names missing.bin, which is not there"),
        (index_of(&["../config.json"]), "is not one beside it"),
        (index_of(&many), "names 101 files"),
        (b"[]".to_vec(), "has no weight_map"),
    ] {
        let mut files = repository("o/m");
        files.remove("o/m/text_encoder/model.safetensors");
        files.insert("o/m/text_encoder/pytorch_model.bin.index.json".into(), index);
        let (hub, endpoint) = Hub::start(files).await;
        let error = Client::new(endpoint).fetch("o/m").await.unwrap_err();
        let sentence = error.to_string();
        assert!(
            sentence.starts_with("hf_model o/m cannot be used: its text_encoder/pytorch_model.bin.index.json"),
            "{sentence}"
        );
        assert!(sentence.contains(reason), "{sentence}");
        assert!(hub.given().iter().all(|file| file.ends_with(".json")));
    }
}

#[tokio::test]
async fn stable_diffusion_1_5_comes_with_the_better_vae_and_no_other_model_does() {
    let (repo, vae) = ("stable-diffusion-v1-5/stable-diffusion-v1-5", "stabilityai/sd-vae-ft-mse");
    for name in [repo, "runwayml/stable-diffusion-v1-5"] {
        let mut files = repository(name);
        files.insert(format!("{vae}/config.json"), b"{\"of\": \"the better one\"}".to_vec());
        files.insert(format!("{vae}/diffusion_pytorch_model.safetensors"), weights("better"));
        files.insert(format!("{vae}/diffusion_pytorch_model.bin"), weights("as a pickle"));
        let (hub, endpoint) = Hub::start(files).await;
        let client = Client::new(endpoint);
        let folder = client.fetch(name).await.unwrap();
        assert!(folder.path().ends_with(format!("{COMMIT}.sd-vae-ft-mse")), "{:?}", folder.path());
        let read = |file: &str| std::fs::read(folder.path().join(file)).unwrap();
        assert_eq!(read("vae/diffusion_pytorch_model.safetensors"), weights("better"));
        assert_eq!(read("vae/config.json"), b"{}", "the configuration stays the model's own");
        assert_eq!(
            read("unet/diffusion_pytorch_model.safetensors"),
            weights("unet/diffusion_pytorch_model.safetensors")
        );
        hub.given();
        drop(client.fetch(name).await.unwrap());
        assert!(hub.given().is_empty(), "the second time comes from the cache");
    }
    let mut files = repository(repo);
    files.extend(repository("o/stable-diffusion-v1-5"));
    let (_, endpoint) = Hub::start(files).await;
    let client = Client::new(endpoint);
    let folder = client.fetch("o/stable-diffusion-v1-5").await.unwrap();
    let own = weights("vae/diffusion_pytorch_model.safetensors");
    assert_eq!(std::fs::read(folder.path().join("vae/diffusion_pytorch_model.safetensors")).unwrap(), own);
    // A mirror without the better VAE is told which one is missing.
    let error = client.fetch(repo).await.unwrap_err();
    assert!(error.to_string().starts_with("hf_model stabilityai/sd-vae-ft-mse cannot be used"), "{error}");
}

#[tokio::test]
async fn other_models_are_called_by_their_names_before_gigabytes_are_fetched() {
    let cases: [(&str, Value, &str); 5] = [
        (
            "model_index.json",
            json!({"text_encoder_2": ["transformers", "CLIPTextModelWithProjection"]}),
            "Diffusion XL",
        ),
        ("text_encoder/config.json", json!({"hidden_size": 1024, "num_hidden_layers": 23}), "Diffusion 2.x"),
        ("unet/config.json", json!({"in_channels": 9}), "an inpainting model"),
        ("unet/config.json", json!({"in_channels": 8}), "a model that edits pictures by instruction"),
        (
            "model_index.json",
            json!({"_class_name": "FluxPipeline", "transformer": ["diffusers", "FluxTransformer2DModel"]}),
            "a diffusion transformer (FluxPipeline)",
        ),
    ];
    for (file, content, expected) in cases {
        let mut files = repository("o/m");
        files.insert(format!("o/m/{file}"), content.to_string().into_bytes());
        if expected.contains("transformer") {
            files.remove("o/m/unet/config.json");
        }
        let (hub, endpoint) = Hub::start(files).await;
        let error = Client::new(endpoint).fetch("o/m").await.unwrap_err();
        assert_eq!(error.code(), FailureCode::ModelUnusable);
        assert!(error.to_string().contains(expected) && error.to_string().contains("only Stable Diffusion 1.x"));
        assert!(hub.given().iter().all(|file| file.ends_with(".json")));
    }
}

#[tokio::test]
async fn a_hub_that_does_not_let_a_caller_in_is_explained_with_the_remedy() {
    let token = Secret::new("hf_hunter2");
    let invalid = "Invalid credentials in Authorization header";
    let cases: [(u16, &str, &str, bool, &str); 8] = [
        (
            401,
            "RepoNotFound",
            "Repository not found",
            false,
            "does not exist or is private; check the name, and give hf_token",
        ),
        (401, "", "Invalid username or password.", false, "does not exist or is private"),
        (401, "", invalid, true, "the hub does not know this hf_token; make a new access token"),
        (404, "RepoNotFound", "Repository not found", true, "it does not exist, or hf_token may not read it"),
        (403, "", "Forbidden", true, "it does not exist, or hf_token may not read it"),
        (
            401,
            "GatedRepo",
            "Access is restricted",
            false,
            "it asks for acceptance of its terms; accept them on its page and give",
        ),
        (403, "GatedRepo", "Access is restricted", true, "hf_token has no access to it; accept its terms"),
        (
            403,
            "",
            "Access to this resource is disabled.",
            true,
            "the hub has closed it to everyone; choose another model",
        ),
    ];
    let (hub, endpoint) = Hub::start(BTreeMap::new()).await;
    let client = Client::new(endpoint);
    for (status, code, message, with_token, expected) in cases {
        *hub.refuses.lock().unwrap() = Some((status, code, message));
        let error = client.fetch_with("o/m", with_token.then_some(&token)).await.unwrap_err();
        assert_eq!(error.code(), FailureCode::ModelNotFound);
        assert!(error.to_string().contains(expected), "{status} {code} {message}: {error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}

#[tokio::test]
async fn what_has_arrived_of_a_large_file_is_not_asked_for_again_by_the_next_job() {
    let unet = "unet/diffusion_pytorch_model.safetensors";
    let (hub, endpoint) = Hub::start(repository("o/m")).await;
    let client = Client::new(endpoint);
    hub.breaks.lock().unwrap().push(unet.into());
    // Given up at the first failure, as by a process that is killed.
    let impatient = transfer::DownloadLimits { failures_max: 1, ..web::quick() };
    let model = HubModel { endpoint: &client.endpoint, repo: "o/m", revision: "main", token: None };
    let error = fetch(&web::open_network(), model, client.cache.path(), impatient, |_| {}).await.unwrap_err();
    assert!(matches!(error, TransferError::Cut { bytes: 2000, .. }), "{error}");

    hub.breaks.lock().unwrap().clear();
    hub.given();
    let folder = client.fetch("o/m").await.unwrap();
    assert!(hub.given().contains(&format!("{unet} from 2000")));
    assert_eq!(std::fs::read(folder.path().join(unet)).unwrap(), weights(unet));
    assert!(!web::files_below(folder.path()).iter().any(|file| file.ends_with(".part")));
}

#[tokio::test]
async fn a_beginning_that_is_not_the_files_own_is_found_out_and_fetched_anew() {
    let unet = "unet/diffusion_pytorch_model.safetensors";
    let (hub, endpoint) = Hub::start(repository("o/m")).await;
    let client = Client::new(endpoint);
    let folder = client.cache.path().join("hub/o--m").join(COMMIT).join("unet");
    std::fs::create_dir_all(&folder).unwrap();
    let hash = hex::encode(Sha256::digest(weights(unet)));
    let part = folder.join(format!(".diffusion_pytorch_model.safetensors.{hash}.part"));
    std::fs::write(&part, vec![7; 3000]).unwrap();
    client.fetch("o/m").await.unwrap();
    assert_eq!(std::fs::read(folder.join("diffusion_pytorch_model.safetensors")).unwrap(), weights(unet));
    assert!(hub.given().iter().any(|given| given == unet));

    // And one that is whole, by a process that was killed before it named it, is not asked for at all.
    std::fs::remove_file(folder.join("../complete.json")).unwrap();
    std::fs::rename(folder.join("diffusion_pytorch_model.safetensors"), &part).unwrap();
    client.fetch("o/m").await.unwrap();
    assert!(hub.given().is_empty());
    assert_eq!(std::fs::read(folder.join("diffusion_pytorch_model.safetensors")).unwrap(), weights(unet));
}
