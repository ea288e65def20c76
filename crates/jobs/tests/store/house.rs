//! A store in a temporary folder with clocks set by hand, and short ways to say what tests do often.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jobs::reaper::{LEASE, PERIOD};
use jobs::{
    Claim, Clock, Counts, JobStore, Lease, LeaseLost, LeaseState, MasterKey, NewJob, Reaped, Reaper, Submission,
    WorkerIdentity,
};
use protocol::{Failure, FailureCode, JobId, JobRecord, JobStatus};
use serde_json::{Value, json};
use sqlx::{AnyConnection, Connection};
use tempfile::TempDir;
use tokio::sync::Mutex;

pub(crate) const ENDPOINT: &str = "dream-booth-v1";
/// The clock's first time: some day, so that no test works only near zero.
pub(crate) const START_MS: i64 = 1_790_000_000_000;
pub(crate) const PERIOD_MS: i64 = PERIOD.as_millis() as i64;
pub(crate) const LEASE_MS: i64 = LEASE.as_millis() as i64;

pub(crate) struct House {
    pub(crate) dir: TempDir,
    pub(crate) clock: Arc<AtomicI64>,
    pub(crate) store: JobStore,
    watch: Mutex<Watch>,
}

/// The reaper, and the time of its clock.
struct Watch {
    reaper: Reaper,
    now: Duration,
}

impl House {
    pub(crate) async fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let clock = Arc::new(AtomicI64::new(START_MS));
        let path = dir.path().join("jobs.db");
        let store = JobStore::open(&path, Clock::Manual(clock.clone()), master_key()).await.unwrap();
        // The first round sees nothing; from then on, the reaper is one that has run for long.
        let watch = Watch { reaper: Reaper::new(PERIOD, LEASE), now: Duration::from_secs(1_000) };
        let house = Self { dir, clock, store, watch: Mutex::new(watch) };
        house.watch_ms(0).await;
        house
    }

    /// Closes the store and opens its file again, as a restart does.
    pub(crate) async fn reopen(&mut self) {
        self.store.close().await;
        let path = self.dir.path().join("jobs.db");
        self.store = JobStore::open(&path, Clock::Manual(self.clock.clone()), master_key()).await.unwrap();
    }

    /// The clock of the day goes on (or back), and nobody looks.
    pub(crate) fn wait_ms(&self, ms: i64) {
        self.clock.fetch_add(ms, Ordering::SeqCst);
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.load(Ordering::SeqCst)
    }

    /// Time passes on all clocks, and then the reaper makes one round.
    pub(crate) async fn watch_ms(&self, ms: i64) -> Reaped {
        self.wait_ms(ms);
        let mut watch = self.watch.lock().await;
        watch.now += Duration::from_millis(ms.try_into().unwrap());
        let Watch { reaper, now } = &mut *watch;
        reaper.round(&self.store, *now).await.unwrap()
    }

    /// Time passes on all clocks, with a round of the reaper at the end of every period. Gives what they did in all.
    pub(crate) async fn pass_ms(&self, ms: i64) -> Reaped {
        let mut sum = Reaped::default();
        let mut left = ms;
        while left > 0 {
            let step = left.min(PERIOD_MS);
            let reaped = self.watch_ms(step).await;
            sum.requeued += reaped.requeued;
            sum.set_aside += reaped.set_aside;
            sum.overran += reaped.overran;
            sum.timed_out += reaped.timed_out;
            left -= step;
        }
        sum
    }

    /// Passes so much time that every lease without a heartbeat is lost.
    pub(crate) async fn lose_leases(&self) -> Reaped {
        self.pass_ms(LEASE_MS + 2 * PERIOD_MS).await
    }

    pub(crate) async fn submit(&self, name: &str) -> JobId {
        self.submit_with(name, |_| {}).await
    }

    pub(crate) async fn submit_with(&self, name: &str, change: impl FnOnce(&mut NewJob)) -> JobId {
        let mut job = new_job(name);
        change(&mut job);
        stored(self.store.submit(job, None).await.unwrap()).id
    }

    /// Claims the next job; there must be one.
    pub(crate) async fn claim(&self, worker: &str) -> Claim {
        self.try_claim(worker).await.expect("a job waits")
    }

    pub(crate) async fn try_claim(&self, worker: &str) -> Option<Claim> {
        self.store.claim(&life(worker), ENDPOINT).await.unwrap()
    }

    /// The name of the next job, or `-` when none waits.
    pub(crate) async fn claim_name(&self) -> String {
        self.try_claim("w").await.map_or("-".into(), |claim| claim.job.id.to_string())
    }

    pub(crate) async fn complete(&self, lease: &Lease) -> LeaseState {
        self.store.complete(lease, &json!({})).await.unwrap()
    }

    pub(crate) async fn fail(&self, lease: &Lease) -> LeaseState {
        self.store.fail(lease, &no_images(), None).await.unwrap()
    }

    pub(crate) async fn release(&self, lease: &Lease) -> LeaseState {
        self.store.release(lease, &child_died()).await.unwrap()
    }

    pub(crate) async fn heartbeat(&self, lease: &Lease) -> LeaseState {
        self.store.heartbeat(lease).await.unwrap()
    }

    pub(crate) async fn record(&self, lease: &Lease, event: &Value) -> LeaseState {
        self.store.record_event(lease, event).await.unwrap()
    }

    pub(crate) async fn get(&self, job: &JobId) -> JobRecord {
        self.store.get(job).await.unwrap().expect("the job is there")
    }

    pub(crate) async fn status(&self, job: &JobId) -> JobStatus {
        self.store.status(job).await.unwrap().expect("the job is there")
    }

    pub(crate) async fn counts(&self) -> Counts {
        self.store.counts(ENDPOINT).await.unwrap()
    }

    /// Changes the database behind the store's back.
    pub(crate) async fn tamper(&self, statement: &'static str) {
        let url = format!("sqlite://{}/jobs.db", self.dir.path().display());
        let mut connection = AnyConnection::connect(&url).await.unwrap();
        sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    /// Everything that the store has written to disk: the database, its log and its index.
    pub(crate) fn bytes_on_disk(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.dir.path()).unwrap();
        files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }
}

pub(crate) fn id(name: &str) -> JobId {
    name.parse().unwrap()
}

pub(crate) fn new_job(name: &str) -> NewJob {
    NewJob::new(id(name), ENDPOINT, json!({"input": {"train": {}}}), json!({"train": {"unet_epochs": 150}}))
}

pub(crate) fn stored(submission: Submission) -> JobRecord {
    match submission {
        Submission::Stored(record) => record,
        other => panic!("not stored: {other:?}"),
    }
}

/// The worker's only life.
pub(crate) fn life(worker: &str) -> WorkerIdentity {
    WorkerIdentity::new(worker, 1).unwrap()
}

pub(crate) fn master_key() -> MasterKey {
    MasterKey::from_bytes([7; 32])
}

/// A fault of the job's owner.
pub(crate) fn no_images() -> Failure {
    Failure::new(FailureCode::DataNoImages, "the zip holds no image")
}

/// A fault of the machine.
pub(crate) fn child_died() -> Failure {
    Failure::new(FailureCode::ChildDied, "the child process was killed")
}

pub(crate) fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

pub(crate) const EXPIRED: LeaseState = LeaseState::Lost(LeaseLost::Expired);
pub(crate) const CANCELLED: LeaseState = LeaseState::Lost(LeaseLost::Cancelled);
