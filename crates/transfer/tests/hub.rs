//! A model repository becomes a complete folder, for whoever may have it, or a sentence that says what is missing.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod web;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use protocol::Secret;
use sha2::{Digest, Sha256};
use transfer::hub::{HubFolder, HubModel, fetch};
use transfer::{Network, TransferError};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const TOKEN: &str = "hf_hunter2";

/// A small repository on a hub of the test's own. Weights lie on another host, as the real hub's do.
#[derive(Default)]
struct Hub {
    files: Mutex<BTreeMap<&'static str, Vec<u8>>>,
    /// The file whose bytes are not the announced ones.
    corrupt: Mutex<Option<&'static str>>,
    /// The file that breaks off the first time.
    breaks: Mutex<Option<&'static str>>,
    /// The file whose second half never comes.
    stalls: Mutex<Option<&'static str>>,
    private: bool,
    down: Mutex<bool>,
    cdn: Mutex<String>,
    /// Requests that gave bytes of a file.
    served: AtomicUsize,
    tokens_leaked: AtomicUsize,
}

fn weights(name: &str) -> Vec<u8> {
    name.bytes().cycle().take(5000).collect()
}

fn sd15_files() -> BTreeMap<&'static str, Vec<u8>> {
    let configs = [
        "model_index.json",
        "unet/config.json",
        "text_encoder/config.json",
        "vae/config.json",
        "scheduler/scheduler_config.json",
        "tokenizer/vocab.json",
    ];
    let large = [
        "unet/diffusion_pytorch_model.safetensors",
        "unet/diffusion_pytorch_model.bin",
        "text_encoder/pytorch_model.bin",
        "text_encoder/model.fp16.safetensors",
        "vae/diffusion_pytorch_model.fp16.safetensors",
    ];
    let configs = configs.into_iter().map(|name| (name, format!("{{\"_\": \"{name}\"}}").into_bytes()));
    configs.chain(large.into_iter().map(|name| (name, weights(name)))).collect()
}

impl Hub {
    async fn start(self) -> (Arc<Self>, String) {
        let hub = Arc::new(self);
        let cdn = hub.clone();
        *hub.cdn.lock().unwrap() = web::serve(move |request, _| cdn.serve_large(request)).await;
        let front = hub.clone();
        let endpoint = web::serve(move |request, _| front.answer(request)).await;
        (hub, endpoint)
    }

    fn of(files: BTreeMap<&'static str, Vec<u8>>) -> Self {
        Self { files: Mutex::new(files), ..Self::default() }
    }

    fn answer(&self, request: &Request) -> Response {
        if *self.down.lock().unwrap() {
            return web::status(503);
        }
        if self.private && web::header(request, "authorization") != Some(&format!("Bearer {TOKEN}")) {
            return web::status(401);
        }
        let path = request.uri().path();
        let named = |rest: &str| {
            rest.strip_prefix("main/")
                .or(rest.strip_prefix(COMMIT).and_then(|r| r.strip_prefix('/')))
                .map(str::to_owned)
        };
        let Some(name) = path.strip_prefix("/owner/model/resolve/").and_then(named) else {
            return Response::builder()
                .status(404)
                .header("x-error-code", "RevisionNotFound")
                .body(Body::empty())
                .unwrap();
        };
        let files = self.files.lock().unwrap();
        let Some(bytes) = files.get(name.as_str()) else { return web::status(404) };
        let answer = Response::builder().header("x-repo-commit", COMMIT);
        if name.ends_with(".json") {
            self.served.fetch_add(usize::from(request.method() == "GET"), Ordering::SeqCst);
            return answer.body(Body::from(bytes.clone())).unwrap();
        }
        answer
            .status(302)
            .header("location", format!("{}/{name}?X-Amz-Signature=abc", self.cdn.lock().unwrap()))
            .header("x-linked-etag", format!("\"{}\"", hex::encode(Sha256::digest(bytes))))
            .header("x-linked-size", bytes.len())
            .body(Body::empty())
            .unwrap()
    }

    fn serve_large(&self, request: &Request) -> Response {
        self.served.fetch_add(1, Ordering::SeqCst);
        self.tokens_leaked.fetch_add(usize::from(web::header(request, "authorization").is_some()), Ordering::SeqCst);
        let name = request.uri().path().trim_start_matches('/');
        let bytes = self.files.lock().unwrap()[name].clone();
        if *self.corrupt.lock().unwrap() == Some(name) {
            return web::whole(bytes.iter().map(|b| b ^ 1).collect::<Vec<u8>>());
        }
        if self.breaks.lock().unwrap().take_if(|breaks| *breaks == name).is_some() {
            return web::cut(&bytes[..2000], bytes.len(), "\"v1\"");
        }
        if *self.stalls.lock().unwrap() == Some(name) {
            return web::stalled(&bytes[..2000], bytes.len());
        }
        match web::range_start(request) {
            Some(_) => web::rest(&bytes, request, "\"v1\""),
            None => web::whole(bytes),
        }
    }
}

struct Client {
    network: Network,
    endpoint: String,
    cache: tempfile::TempDir,
}

impl Client {
    fn new(endpoint: String) -> Self {
        Self { network: web::open_network(), endpoint, cache: tempfile::tempdir().unwrap() }
    }

    async fn fetch(&self, token: Option<&str>) -> Result<HubFolder, TransferError> {
        self.fetch_as("owner/model", "main", token).await
    }

    async fn fetch_as(&self, repo: &str, revision: &str, token: Option<&str>) -> Result<HubFolder, TransferError> {
        let token = token.map(Secret::new);
        let model = HubModel { endpoint: &self.endpoint, repo, revision, token: token.as_ref() };
        fetch(&self.network, model, self.cache.path(), web::quick(), |_| {}).await
    }
}

#[tokio::test]
async fn a_repository_becomes_a_folder_with_the_best_weights_of_each_part() {
    let (hub, endpoint) = Hub::of(sd15_files()).start().await;
    let client = Client::new(endpoint);
    let fetched = client.fetch(None).await.unwrap();
    let folder = fetched.path();
    assert!(folder.ends_with(format!("hub/owner--model/{COMMIT}")));
    assert_eq!(
        web::files_below(folder),
        [
            "complete.json",
            "model_index.json",
            "scheduler/scheduler_config.json",
            "text_encoder/config.json",
            "text_encoder/pytorch_model.bin",
            "tokenizer/vocab.json",
            "unet/config.json",
            "unet/diffusion_pytorch_model.safetensors",
            "vae/config.json",
            "vae/diffusion_pytorch_model.fp16.safetensors",
        ]
    );
    let unet = "unet/diffusion_pytorch_model.safetensors";
    assert_eq!(std::fs::read(folder.join(unet)).unwrap(), weights(unet));

    let served = hub.served.load(Ordering::SeqCst);
    assert_eq!(client.fetch(None).await.unwrap().path(), folder);
    assert_eq!(hub.served.load(Ordering::SeqCst), served, "the second time comes from the cache");
}

#[tokio::test]
async fn many_callers_at_once_fetch_it_once() {
    let (hub, endpoint) = Hub::of(sd15_files()).start().await;
    let client = Client::new(endpoint);
    let folders = futures::future::join_all((0..5).map(|_| client.fetch(None))).await;
    assert!(folders.into_iter().all(|folder| folder.is_ok()));
    assert_eq!(hub.served.load(Ordering::SeqCst), 9);
}

#[tokio::test]
async fn a_private_model_is_given_to_its_token_alone_even_from_the_cache() {
    let (hub, endpoint) = Hub { private: true, ..Hub::of(sd15_files()) }.start().await;
    let client = Client::new(endpoint);
    client.fetch(Some(TOKEN)).await.unwrap();
    assert_eq!(hub.tokens_leaked.load(Ordering::SeqCst), 0, "the other host saw no token");

    let without = client.fetch(None).await.unwrap_err();
    assert!(
        without.to_string().starts_with("hf_model owner/model cannot be used: it does not exist or is private"),
        "{without}"
    );
    assert!(without.to_string().contains("hf_token"), "{without}");
    let wrong = client.fetch(Some("hf_wrong_secret")).await.unwrap_err();
    assert!(!format!("{wrong} {wrong:?}").contains("hf_wrong_secret"), "{wrong:?}");
    *hub.down.lock().unwrap() = true;
    client.fetch(None).await.unwrap_err();
    client.fetch(Some(TOKEN)).await.unwrap_err();
}

#[tokio::test]
async fn a_public_model_stays_usable_while_the_hub_is_down() {
    let (hub, endpoint) = Hub::of(sd15_files()).start().await;
    let client = Client::new(endpoint);
    *hub.down.lock().unwrap() = true;
    let error = client.fetch(None).await.unwrap_err();
    assert!(error.is_temporary(), "{error}");
    *hub.down.lock().unwrap() = false;
    let folder = client.fetch(None).await.unwrap();
    *hub.down.lock().unwrap() = true;
    assert_eq!(client.fetch(None).await.unwrap().path(), folder.path());
}

#[tokio::test]
async fn weights_that_arrive_damaged_are_not_kept_and_the_rest_is() {
    let (hub, endpoint) = Hub::of(sd15_files()).start().await;
    let client = Client::new(endpoint);
    let vae = "vae/diffusion_pytorch_model.fp16.safetensors";
    *hub.corrupt.lock().unwrap() = Some(vae);
    let error = client.fetch(None).await.unwrap_err();
    assert!(matches!(error, TransferError::WrongHash { .. }), "{error}");
    assert!(!format!("{error} {error:?}").contains("X-Amz"), "{error:?}");
    let folder = client.cache.path().join("hub/owner--model").join(COMMIT);
    assert!(
        !web::files_below(&folder)
            .iter()
            .any(|file| file.starts_with("vae/diffusion") || file.ends_with(".part") || file == "complete.json")
    );

    // What a killed process may leave is cleared away by the next one.
    std::fs::write(folder.join("vae/.abc.part"), "rest").unwrap();
    *hub.corrupt.lock().unwrap() = None;
    let served = hub.served.load(Ordering::SeqCst);
    client.fetch(None).await.unwrap();
    assert_eq!(hub.served.load(Ordering::SeqCst), served + 1, "only the missing file was fetched");
    assert!(!folder.join("vae/.abc.part").exists());
}

#[tokio::test]
async fn a_download_that_breaks_off_goes_on() {
    let (hub, endpoint) = Hub::of(sd15_files()).start().await;
    let unet = "unet/diffusion_pytorch_model.safetensors";
    *hub.breaks.lock().unwrap() = Some(unet);
    let client = Client::new(endpoint);
    let folder = client.fetch(None).await.unwrap();
    assert_eq!(std::fs::read(folder.path().join(unet)).unwrap(), weights(unet));
}

#[tokio::test]
async fn a_repository_without_a_part_is_refused_before_gigabytes_are_fetched() {
    for (gone, named) in [
        (
            vec!["unet/diffusion_pytorch_model.safetensors", "unet/diffusion_pytorch_model.bin"],
            "has no weights for unet",
        ),
        (vec!["vae/diffusion_pytorch_model.fp16.safetensors"], "has no weights for vae"),
        (vec!["vae/config.json"], "has no vae/config.json"),
        (vec!["unet/config.json"], "is not in the diffusers layout"),
    ] {
        let mut files = sd15_files();
        files.retain(|name, _| !gone.contains(name));
        let (_, endpoint) = Hub::of(files).start().await;
        let client = Client::new(endpoint);
        let error = client.fetch(None).await.unwrap_err();
        assert!(matches!(error, TransferError::Hub { .. }), "{error}");
        assert!(error.to_string().starts_with("hf_model owner/model") && error.to_string().contains(named), "{error}");
        let fetched = web::files_below(client.cache.path());
        assert!(!fetched.iter().any(|file| file.ends_with(".bin") || file.ends_with(".safetensors")), "{fetched:?}");
    }
}

#[tokio::test]
async fn a_revision_that_is_not_there_is_named() {
    let (_, endpoint) = Hub::of(sd15_files()).start().await;
    let error = Client::new(endpoint).fetch_as("owner/model", "v9", None).await.unwrap_err();
    assert!(error.to_string().contains("it has no revision v9"), "{error}");
}

#[tokio::test]
async fn names_that_are_no_repository_never_become_a_path_or_a_request() {
    let client = Client::new("http://127.0.0.1:1".into());
    for repo in ["", "model", "../..", "a/..", "a/b/c", "/etc", "a/b?x", "a b/c", "a/b#c", "a\\b/c", "./a"] {
        let error = client.fetch_as(repo, "main", None).await.unwrap_err();
        assert!(matches!(error, TransferError::Hub { .. }), "{repo}: {error}");
    }
    for revision in ["", "..", "a/../b", "a?b", "/main", "a b"] {
        let error = client.fetch_as("owner/model", revision, None).await.unwrap_err();
        assert!(matches!(error, TransferError::Hub { .. }), "{revision}: {error}");
    }
    let error = client.fetch_as("owner/model", "main", Some("hf_a\nhunter2")).await.unwrap_err();
    let address = format!("https://me:{TOKEN}@huggingface.co/owner/model?token={TOKEN}");
    let error_of_address = client.fetch_as(&address, "main", None).await.unwrap_err();
    assert!(!format!("{error_of_address} {error_of_address:?}").contains(TOKEN), "{error_of_address:?}");
    assert!(error.to_string().contains("hf_token is not an access token") && !error.to_string().contains("hunter2"));
    assert_eq!(web::files_below(client.cache.path()), Vec::<String>::new());
}

#[tokio::test]
async fn a_fetch_that_is_dropped_in_the_middle_leaves_no_half_file_and_no_lock() {
    let (hub, endpoint) = Hub::of(sd15_files()).start().await;
    let client = Client::new(endpoint);
    let unet = "unet/diffusion_pytorch_model.safetensors";
    *hub.stalls.lock().unwrap() = Some(unet);
    let (half, half_is_here) = tokio::sync::oneshot::channel();
    let mut half = Some(half);
    let model = HubModel { endpoint: &client.endpoint, repo: "owner/model", revision: "main", token: None };
    let fetching = fetch(&client.network, model, client.cache.path(), web::quick(), |progress| {
        if progress.file == unet && progress.bytes > 0 {
            half.take().map(|half| half.send(()));
        }
    });
    tokio::select! {
        outcome = fetching => panic!("it ended with {outcome:?}"),
        _ = half_is_here => {}
    }
    let folder = client.cache.path().join("hub/owner--model").join(COMMIT);
    let left = web::files_below(&folder);
    assert!(left.contains(&"unet/config.json".to_owned()), "{left:?}");
    assert!(!left.iter().any(|file| file == unet || file == "complete.json"), "{left:?}");

    *hub.stalls.lock().unwrap() = None;
    let served = hub.served.load(Ordering::SeqCst);
    client.fetch(None).await.unwrap();
    assert_eq!(hub.served.load(Ordering::SeqCst), served + 3, "only the missing files were fetched, and nobody waited");
}
