//! A server on a real store in a temporary folder, with a clock that the test sets, asked without a listener.
#![allow(dead_code, reason = "every test file uses its own part")]

pub(crate) mod receiver;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use jobs::{Claim, Clock, Endpoints, JobStore, MasterKey, Reaper, Scope, WorkerIdentity};
use protocol::{ArtifactKey, ENDPOINT, JobId};
use serde_json::{Value, json};
use server::{Access, AppState, BodyRoom, ConnectionLimits, ServerConfig, router};
use tempfile::TempDir;
use tower::ServiceExt;
use transfer::{ArtifactStore, Network, NetworkPolicy, UrlSigner};

/// Where the manual clock begins, in milliseconds since 1970.
pub(crate) const START_MS: i64 = 1_700_000_000_000;

pub(crate) struct Site {
    pub(crate) dir: TempDir,
    pub(crate) state: AppState,
    pub(crate) router: Router,
    pub(crate) key: String,
    clock: Arc<AtomicI64>,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    /// The body as JSON; fails when the answer does not call itself JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"), "{}", self.text());
        serde_json::from_slice(&self.bytes).unwrap()
    }

    #[track_caller]
    pub(crate) fn error(&self) -> String {
        let body = self.json();
        assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
        body["error"].as_str().unwrap().to_owned()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

impl Site {
    pub(crate) async fn open() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(configure: impl FnOnce(&mut ServerConfig)) -> Self {
        let dir = TempDir::new().unwrap();
        let clock = Arc::new(AtomicI64::new(START_MS));
        let store = open_store(dir.path(), clock.clone()).await;
        let key = store.create_key("test", &[Scope::Read, Scope::Write], &Endpoints::All).await.unwrap();
        let mut config = ServerConfig {
            public_url: "https://api.example".into(),
            access: Access::Keys,
            execution_timeout_ms: 3_600_000,
            ttl_ms: 86_400_000,
            native: None,
            connections: ConnectionLimits::default(),
        };
        configure(&mut config);
        let state = AppState {
            store,
            artifacts: ArtifactStore::local(dir.path().join("artifacts")).unwrap(),
            signer: UrlSigner::load_or_create(&dir.path().join("signing.key")).unwrap(),
            network: Network::new(NetworkPolicy { allow_private_networks: true }).unwrap(),
            bodies: BodyRoom::default(),
            config,
        };
        Self { router: router(state.clone()), dir, state, key, clock }
    }

    pub(crate) fn advance_ms(&self, ms: i64) {
        self.clock.fetch_add(ms, Ordering::SeqCst);
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer { status: parts.status, headers: parts.headers, bytes }
    }

    /// Asks with the site's key.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: impl Into<Body>) -> Answer {
        let authorization = format!("Bearer {}", self.key);
        let request = Request::builder().method(method).uri(path).header(header::AUTHORIZATION, authorization);
        let request = request.header(header::HOST, "localhost:8000").header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(body.into()).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, Body::empty()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, body.to_string()).await
    }

    /// Submits `body` and gives the job's id.
    pub(crate) async fn run(&self, body: &Value) -> JobId {
        let answer = self.post("/v2/dream-booth-v1/run", body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        answer.json()["id"].as_str().unwrap().parse().unwrap()
    }

    pub(crate) async fn status(&self, version: &str, id: &JobId) -> Value {
        let answer = self.get(&format!("/{version}/dream-booth-v1/status/{id}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        answer.json()
    }

    pub(crate) async fn claim(&self) -> Claim {
        self.state.store.claim(&worker(), ENDPOINT).await.unwrap().unwrap()
    }

    /// Ends what waited too long; a reaper that has just begun ends nothing else.
    pub(crate) async fn reap(&self) {
        let mut reaper = Reaper::new(jobs::reaper::PERIOD, jobs::reaper::LEASE);
        reaper.round(&self.state.store, Duration::ZERO).await.unwrap();
    }

    /// Puts a file of the attempt into the artifact store and gives the JSON that names it.
    pub(crate) async fn put(&self, claim: &Claim, file: &str, content: &str) -> Value {
        let key = ArtifactKey::new(&claim.job.id, claim.lease.number, file).unwrap();
        let path = self.dir.path().join(file);
        std::fs::write(&path, content).unwrap();
        self.state.artifacts.put_file(&key, &path).await.unwrap();
        json!({ "artifact": key.as_str() })
    }

    /// Claims the next job and completes it, with a picture and a model in the artifact store.
    pub(crate) async fn complete_next(&self) -> JobId {
        let claim = self.claim().await;
        let picture = self.put(&claim, "0-0.png", "a picture").await;
        let output = json!({
            "inference": [{ "images": [picture], "parameters": {}, "info": "{}", "passback": null }],
            "train": {
                "checkpoint_url": self.put(&claim, "model.ckpt", "0123456789").await,
                "safetensors_url": self.put(&claim, "model.safetensors", "weights").await,
                "report_url": self.put(&claim, "train.json", "{}").await,
                "report_page_url": self.put(&claim, "train.html", "<p>a report</p>").await,
            },
        });
        assert!(self.state.store.complete(&claim.lease, &output).await.unwrap().is_held());
        claim.job.id
    }
}

/// The store in the folder, under the master key of all tests.
pub(crate) async fn open_store(dir: &std::path::Path, clock: Arc<AtomicI64>) -> JobStore {
    JobStore::open(&dir.join("jobs.db"), Clock::Manual(clock), MasterKey::from_bytes([7; 32])).await.unwrap()
}

/// The only worker, in the first of its lives.
pub(crate) fn worker() -> WorkerIdentity {
    WorkerIdentity::new("local-0", 1).unwrap()
}

/// The smallest training job.
pub(crate) fn smallest() -> Value {
    json!({"input": {"train": {"data_url": "https://photos.example/dog.zip"}}})
}

/// The path and query of a signed address.
pub(crate) fn path_of(url: &Value) -> String {
    let url = url.as_str().unwrap();
    url[url.find("/v2/").unwrap()..].to_owned()
}
