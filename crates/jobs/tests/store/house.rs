//! A store in a temporary folder with a clock set by hand, and short ways to say what tests do often.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jobs::{Claim, Clock, JobStore, Lease, LeaseLost, LeaseState, NewJob};
use protocol::{JobId, JobOutput, JobRecord, JobStatus};
use serde_json::json;
use tempfile::TempDir;

pub(crate) const LEASE_MS: i64 = 60_000;
/// The clock's first time: some day, so that no test works only near zero.
pub(crate) const START_MS: i64 = 1_790_000_000_000;

pub(crate) struct House {
    pub(crate) dir: TempDir,
    pub(crate) clock: Arc<AtomicI64>,
    pub(crate) store: JobStore,
}

impl House {
    pub(crate) async fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let clock = Arc::new(AtomicI64::new(START_MS));
        let store = JobStore::open(&dir.path().join("jobs.db"), Clock::Manual(clock.clone())).await.unwrap();
        Self { dir, clock, store }
    }

    /// Closes the store and opens its file again, as a restart does.
    pub(crate) async fn reopen(&mut self) {
        self.store.close().await;
        let path = self.dir.path().join("jobs.db");
        self.store = JobStore::open(&path, Clock::Manual(self.clock.clone())).await.unwrap();
    }

    pub(crate) fn wait_ms(&self, ms: i64) {
        self.clock.fetch_add(ms, Ordering::SeqCst);
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.load(Ordering::SeqCst)
    }

    pub(crate) async fn submit(&self, name: &str) -> JobId {
        self.submit_with(name, |_| {}).await
    }

    pub(crate) async fn submit_with(&self, name: &str, change: impl FnOnce(&mut NewJob)) -> JobId {
        let mut job = NewJob::new(id(name), json!({"train": {"data_url": "https://example.org/a.zip"}}));
        change(&mut job);
        self.store.submit(job).await.unwrap().id
    }

    /// Claims the next job; there must be one.
    pub(crate) async fn claim(&self, worker: &str) -> Claim {
        self.store.claim(worker, LEASE_MS).await.unwrap().expect("a job waits")
    }

    /// The name of the next job, or `-` when none waits.
    pub(crate) async fn claim_name(&self) -> String {
        let claim = self.store.claim("w", LEASE_MS).await.unwrap();
        claim.map_or("-".into(), |claim| claim.job.id.to_string())
    }

    pub(crate) async fn complete(&self, lease: &Lease) -> LeaseState {
        self.store.complete(lease, &JobOutput::default()).await.unwrap()
    }

    pub(crate) async fn get(&self, job: &JobId) -> JobRecord {
        self.store.get(job).await.unwrap().expect("the job is there")
    }

    pub(crate) async fn status(&self, job: &JobId) -> JobStatus {
        self.get(job).await.status
    }
}

pub(crate) fn id(name: &str) -> JobId {
    name.parse().unwrap()
}

pub(crate) const EXPIRED: LeaseState = LeaseState::Lost(LeaseLost::Expired);
pub(crate) const CANCELLED: LeaseState = LeaseState::Lost(LeaseLost::Cancelled);
