//! The model cache keeps within its budget, and takes nothing from anybody's hands.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod web;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::response::Response;
use tempfile::TempDir;
use transfer::hub::{HubFolder, HubModel, evict, fetch};

/// Bytes of the weights of each part; a model has three.
const PART_BYTES: usize = 1000;
/// Room for two models of 3 kB and their small files, not for three.
const TWO_MODELS: u64 = 8000;

/// A hub that has every model.
async fn hub() -> String {
    web::serve(|request, _| {
        let name = request.uri().path();
        let small = ["unet/config.json", "text_encoder/config.json", "vae/config.json"];
        let body = match name {
            _ if small.iter().any(|small| name.ends_with(small)) => b"{}".to_vec(),
            _ if name.ends_with("/model.safetensors") || name.ends_with("pytorch_model.safetensors") => {
                vec![7; PART_BYTES]
            }
            _ => return web::status(404),
        };
        Response::builder().header("x-repo-commit", "c0ffee").body(Body::from(body)).unwrap()
    })
    .await
}

struct Cache {
    endpoint: String,
    dir: TempDir,
}

impl Cache {
    async fn new() -> Self {
        Self { endpoint: hub().await, dir: tempfile::tempdir().unwrap() }
    }

    async fn fetch(&self, repo: &str) -> HubFolder {
        let model = HubModel { endpoint: &self.endpoint, repo, revision: "main", token: None };
        fetch(&web::open_network(), model, self.dir.path(), web::quick(), |_| {}).await.unwrap()
    }

    fn evict(&self, budget_bytes: u64, keep: &Path) -> u64 {
        evict(self.dir.path(), budget_bytes, keep).unwrap()
    }

    /// The models that are whole.
    fn models(&self) -> Vec<String> {
        let files = web::files_below(&self.dir.path().join("hub"));
        files.iter().filter_map(|file| file.strip_suffix("/c0ffee/complete.json").map(str::to_owned)).collect()
    }
}

#[tokio::test]
async fn the_model_that_was_asked_for_longest_ago_goes_first() {
    let cache = Cache::new().await;
    for repo in ["o/a", "o/b", "o/c", "o/a"] {
        cache.fetch(repo).await;
    }
    assert_eq!(cache.evict(100_000, Path::new("")), 0);
    let freed = cache.evict(TWO_MODELS, Path::new(""));
    assert!(freed > 3000 && freed < 4000, "{freed}");
    assert_eq!(cache.models(), ["o--a", "o--c"]);
    cache.evict(0, Path::new(""));
    assert_eq!(cache.models(), Vec::<String>::new());
    let left = web::files_below(&cache.dir.path().join("hub"));
    assert!(left.iter().all(|file| file.ends_with(".lock") || file.ends_with("refs/main")), "{left:?}");

    let fetched = cache.fetch("o/b").await;
    assert_eq!(web::files_below(fetched.path()).len(), 7, "what went is fetched again");
}

#[tokio::test]
async fn a_model_in_use_stays_whatever_the_budget_and_goes_when_it_is_free() {
    let cache = Cache::new().await;
    let in_use = cache.fetch("o/a").await;
    let also_in_use = cache.fetch("o/a").await;
    cache.fetch("o/b").await;
    cache.evict(0, Path::new(""));
    assert_eq!(cache.models(), ["o--a"]);
    drop(in_use);
    assert_eq!(cache.evict(0, Path::new("")), 0);
    assert!(also_in_use.path().join("unet/config.json").is_file());
    drop(also_in_use);
    cache.evict(0, Path::new(""));
    assert_eq!(cache.models(), Vec::<String>::new());
}

#[tokio::test]
async fn the_model_that_was_just_fetched_stays_though_it_is_above_the_budget_alone() {
    let cache = Cache::new().await;
    cache.fetch("o/a").await;
    let kept = cache.fetch("o/b").await.path().to_owned();
    cache.evict(10, &kept);
    assert_eq!(cache.models(), ["o--b"]);
    // Written otherwise, it is the same folder.
    cache.evict(10, &kept.join("../../o--b/c0ffee"));
    assert_eq!(cache.models(), ["o--b"]);
}

#[tokio::test]
async fn what_a_fetch_left_unfinished_counts_and_goes_when_it_is_old() {
    let cache = Cache::new().await;
    cache.fetch("o/a").await;
    let begun = cache.dir.path().join("hub/o--b/c0ffee");
    std::fs::create_dir_all(&begun).unwrap();
    std::fs::write(begun.join("model_index.json"), vec![0; 9000]).unwrap();
    let yesterday = SystemTime::now() - Duration::from_secs(24 * 60 * 60);
    std::fs::File::open(&begun).unwrap().set_modified(yesterday).unwrap();
    assert_eq!(cache.evict(4000, Path::new("")), 9000);
    assert!(!begun.exists());
    assert_eq!(cache.models(), ["o--a"]);
}

#[tokio::test]
async fn a_cache_that_is_not_there_is_within_every_budget() {
    assert_eq!(evict(Path::new("/nowhere/at/all"), 0, Path::new("")).unwrap(), 0);
}

#[tokio::test]
async fn the_models_are_private() {
    let cache = Cache::new().await;
    let hub = cache.dir.path().join("hub");
    std::fs::create_dir(&hub).unwrap();
    std::fs::set_permissions(&hub, std::fs::Permissions::from_mode(0o755)).unwrap();
    let folder = cache.fetch("o/a").await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for path in [&hub, &hub.join("o--a"), &hub.join("o--a/refs"), folder.path(), &folder.path().join("unet")] {
        assert_eq!(mode(path), 0o700, "{}", path.display());
    }
    for file in ["complete.json", "unet/config.json", "vae/diffusion_pytorch_model.safetensors"] {
        assert_eq!(mode(&folder.path().join(file)), 0o600, "{file}");
    }
}
