//! How long the store's calls take beside 100, 10,000 and 100,000 stored jobs: `cargo run --release -p jobs --example scale`.
//!
//! Half of the jobs wait, half have ended. The databases lie in the folder that is given (a temporary one otherwise), so the
//! calls that write include its disk's fsync; they are filled in `/dev/shm` where that is, because filling syncs as well.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a measuring tool for developers")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jobs::reaper::{LEASE, PERIOD};
use jobs::{Clock, JobStore, Lease, MasterKey, NewJob, Reaper, WorkerIdentity};
use protocol::JobId;
use serde_json::json;

const SIZES: [usize; 3] = [100, 10_000, 100_000];
/// Calls of each kind; the median is printed.
const CALLS: usize = 201;
const ENDPOINT: &str = "dream-booth-v1";
const QUEUE_MAX: Option<i64> = Some(1_000_000);

#[tokio::main]
async fn main() {
    let given = std::env::args().nth(1).map(PathBuf::from);
    let measured = tempfile::tempdir_in(given.unwrap_or_else(std::env::temp_dir)).unwrap();
    let memory = Path::new("/dev/shm");
    let filled = tempfile::tempdir_in(if memory.is_dir() { memory } else { measured.path() }).unwrap();
    println!("median milliseconds of {CALLS} calls");
    println!("| stored jobs | submit | claim | heartbeat | counts | status | list 50 | reaper | expired | complete |");
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let mut stored = 0;
    for size in SIZES {
        fill(&filled.path().join("jobs.db"), stored, size).await;
        stored = size;
        let copy = measured.path().join(format!("{size}.db"));
        std::fs::copy(filled.path().join("jobs.db"), &copy).unwrap();
        measure(&copy, size).await;
    }
}

async fn open(path: &Path) -> JobStore {
    JobStore::open(path, Clock::Database, MasterKey::from_bytes([7; 32])).await.unwrap()
}

fn worker() -> WorkerIdentity {
    WorkerIdentity::new("scale", 1).unwrap()
}

fn new_job(name: &str) -> NewJob {
    let request = json!({"input": {"train": {"concept_name": "daiton", "unet_epochs": 150}, "inference": []}});
    let mut job = NewJob::new(name.parse::<JobId>().unwrap(), ENDPOINT, request.clone(), request);
    job.secrets = Some(json!({"data_url": "https://example.org/photos.zip"}));
    job.webhook = Some("https://example.org/hook".into());
    job.ttl_ms = Some(86_400_000);
    job
}

/// Brings the store from `from` to `to` jobs, half of them ended; closing folds the log into the file.
async fn fill(path: &Path, from: usize, to: usize) {
    let store = open(path).await;
    for n in from..to {
        let mut job = new_job(&format!("job-{n}"));
        job.webhook = None;
        store.submit(job, QUEUE_MAX).await.unwrap();
        if n % 2 == 0 {
            let claim = store.claim(&worker(), ENDPOINT).await.unwrap().unwrap();
            assert!(store.complete(&claim.lease, &json!({"inference": []})).await.unwrap().is_held());
        }
    }
    store.close().await;
}

async fn measure(path: &Path, size: usize) {
    let store = open(path).await;
    let mut reaper = Reaper::new(PERIOD, LEASE);
    let mut leases: Vec<Lease> = Vec::new();
    let mut times = Times::default();
    for n in 0..CALLS {
        let job = new_job(&format!("new-{n}"));
        let id = job.id.clone();
        times.take(0, store.submit(job, QUEUE_MAX)).await;
        leases.push(times.take(1, store.claim(&worker(), ENDPOINT)).await.unwrap().lease);
        assert!(times.take(2, store.heartbeat(&leases[n])).await.is_held());
        times.take(3, store.counts(ENDPOINT)).await;
        times.take(4, store.outline(&id)).await;
        times.take(5, store.list(ENDPOINT, None, 50, 0)).await;
        times.take(6, reaper.round(&store, Duration::from_millis(n as u64))).await;
        times.take(7, store.expired_jobs(86_400_000, 100)).await;
    }
    for lease in &leases {
        assert!(times.take(8, store.complete(lease, &json!({}))).await.is_held());
    }
    println!("| {size} | {} |", times.medians().join(" | "));
}

/// How long the calls of each kind took.
#[derive(Default)]
struct Times([Vec<Duration>; 9]);

impl Times {
    async fn take<T>(&mut self, kind: usize, call: impl Future<Output = Result<T, jobs::StoreError>>) -> T {
        let begin = Instant::now();
        let answer = call.await.unwrap();
        self.0[kind].push(begin.elapsed());
        answer
    }

    fn medians(mut self) -> Vec<String> {
        let median = |times: &mut Vec<Duration>| {
            times.sort_unstable();
            format!("{:.2}", times[times.len() / 2].as_secs_f64() * 1e3)
        };
        self.0.iter_mut().map(median).collect()
    }
}
