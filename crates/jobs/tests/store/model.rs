//! Random operations on the store and on a model in memory that a reader can check by eye; both must agree after each.

use jobs::{Counts, Lane, Lease, LeaseState, WorkerIdentity};
use protocol::{JobId, JobStatus};
use serde_json::json;

use crate::house::{ENDPOINT, House, LEASE_MS, PERIOD_MS, child_died, new_job, no_images};

/// Xorshift64: the same operations in every run.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number from 0 to `bound` - 1.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }
}

/// What the model knows of a job.
#[derive(Debug, Clone)]
struct Model {
    id: JobId,
    status: JobStatus,
    lane: Lane,
    expires_ms: Option<i64>,
    timeout_ms: Option<i64>,
    attempts: i64,
    max_attempts: i64,
    lease: i64,
    beats: i64,
    worker: u64,
    events: i64,
    deliveries: i64,
    retried: i64,
    /// The lease and beats that the reaper saw last, and for how long it has seen each.
    seen: Option<(i64, i64)>,
    running_ms: i64,
    silent_ms: i64,
}

impl Model {
    fn holds(&self, lease: &Lease) -> bool {
        self.status == JobStatus::InProgress && self.lease == lease.number
    }

    fn end(&mut self, status: JobStatus) {
        assert!(!self.status.is_terminal());
        self.status = status;
        self.deliveries += i64::from(status != JobStatus::Cancelled);
    }

    fn lose_attempt(&mut self) {
        self.events += 1;
        if self.attempts >= self.max_attempts {
            self.end(JobStatus::Failed);
        } else {
            self.status = JobStatus::InQueue;
            self.retried += 1;
        }
    }

    /// A round of the reaper at the time `now`, which counts for `counted_ms`.
    fn reap(&mut self, now: i64, counted_ms: i64) {
        if self.status == JobStatus::InQueue && self.lease == 0 && self.expires_ms.is_some_and(|end| end <= now) {
            self.end(JobStatus::TimedOut);
        }
        if self.status != JobStatus::InProgress {
            self.seen = None;
            return;
        }
        match self.seen {
            Some((lease, beats)) if lease == self.lease => {
                self.running_ms += counted_ms;
                self.silent_ms = if beats == self.beats { self.silent_ms + counted_ms } else { 0 };
            }
            _ => (self.running_ms, self.silent_ms) = (0, 0),
        }
        self.seen = Some((self.lease, self.beats));
        if self.silent_ms >= LEASE_MS {
            self.lose_attempt();
        } else if self.timeout_ms.is_some_and(|timeout| self.running_ms >= timeout + 2 * PERIOD_MS) {
            self.end(JobStatus::Failed);
        }
    }
}

struct Both {
    house: House,
    models: Vec<Model>,
    /// Every lease ever given, most of them lost.
    leases: Vec<Lease>,
    random: Random,
}

impl Both {
    fn model(&mut self, job: &JobId) -> &mut Model {
        self.models.iter_mut().find(|model| model.id == *job).unwrap()
    }

    /// Some lease, rather a young one.
    fn some_lease(&mut self) -> Option<Lease> {
        let newest = self.leases.len().checked_sub(1)?;
        let back = self.random.below(6).min(newest as u64) as usize;
        Some(self.leases[newest - back].clone())
    }

    fn maybe(&mut self, bound: u64) -> Option<i64> {
        (self.random.below(3) == 0).then(|| 1 + self.random.below(bound) as i64)
    }

    async fn submit(&mut self) {
        let now = self.house.now_ms();
        let mut job = new_job(&format!("job-{}", self.models.len()));
        job.webhook = Some("https://example.org".into());
        job.lane = if self.random.below(3) == 0 { Lane::Low } else { Lane::Normal };
        job.max_attempts = 1 + self.random.below(3) as i64;
        job.ttl_ms = self.maybe(300_000);
        job.execution_timeout_ms = self.maybe(100_000);
        self.models.push(Model {
            id: job.id.clone(),
            status: JobStatus::InQueue,
            lane: job.lane,
            expires_ms: job.ttl_ms.map(|ttl| now + ttl),
            timeout_ms: job.execution_timeout_ms,
            attempts: 0,
            max_attempts: job.max_attempts,
            lease: 0,
            beats: 0,
            worker: 0,
            events: 0,
            deliveries: 0,
            retried: 0,
            seen: None,
            running_ms: 0,
            silent_ms: 0,
        });
        self.house.store.submit(job, None).await.unwrap();
    }

    async fn claim(&mut self) {
        let now = self.house.now_ms();
        let worker = self.random.below(3);
        let claimed = self.house.try_claim(&format!("w{worker}")).await;
        let waits = |model: &&mut Model| {
            let expired = model.lease == 0 && model.expires_ms.is_some_and(|expires| expires <= now);
            model.status == JobStatus::InQueue && !expired
        };
        // `max_by_key` takes the last of equals: from the newest to the oldest, that is the oldest.
        let next = self.models.iter_mut().rev().filter(waits).max_by_key(|model| model.lane);
        assert_eq!(claimed.as_ref().map(|claim| &claim.job.id), next.as_ref().map(|model| &model.id));
        let (Some(claim), Some(model)) = (claimed, next) else { return };
        model.status = JobStatus::InProgress;
        model.attempts += 1;
        model.lease += 1;
        model.beats = 0;
        model.worker = worker;
        assert_eq!((claim.lease.number, claim.execution_timeout_ms), (model.lease, model.timeout_ms));
        self.leases.push(claim.lease);
    }

    async fn write_under_a_lease(&mut self) {
        let Some(lease) = self.some_lease() else { return };
        let store = self.house.store.clone();
        let held = self.model(&lease.job).holds(&lease);
        let kind = self.random.below(7);
        let state = match kind {
            0 => store.complete(&lease, &json!({})).await,
            1 => store.fail(&lease, &no_images(), None).await,
            2 => store.release(&lease, &child_died()).await,
            3 => store.hand_back(&lease, None).await,
            4 => store.record_event(&lease, &json!({"step": 1})).await,
            _ => store.heartbeat(&lease).await,
        };
        assert_eq!(state.unwrap() == LeaseState::Held, held, "{kind} {lease:?}");
        if !held {
            return;
        }
        let model = self.model(&lease.job);
        match kind {
            0 => model.end(JobStatus::Completed),
            1 => model.end(JobStatus::Failed),
            2 => model.lose_attempt(),
            3 => {
                model.status = JobStatus::InQueue;
                model.attempts -= 1;
            }
            4 => model.events += 1,
            _ => model.beats += 1,
        }
    }

    async fn cancel(&mut self) {
        let some = self.random.below(self.models.len().max(1) as u64) as usize;
        let Some(model) = self.models.get_mut(some) else { return };
        if !model.status.is_terminal() {
            model.end(JobStatus::Cancelled);
        }
        let cancelled = self.house.store.cancel(&model.id).await.unwrap().unwrap();
        assert_eq!(cancelled.status, model.status);
    }

    /// Sometimes with a round of the reaper, sometimes so long that the round comes late; sometimes the clock of the day
    /// steps, which only times to live may notice.
    async fn let_time_pass(&mut self) {
        if self.random.below(3) == 0 {
            self.house.wait_ms(self.random.below(20_000) as i64 - 8_000);
            return;
        }
        let ms = self.random.below(3 * PERIOD_MS as u64) as i64;
        self.house.watch_ms(ms).await;
        let counted = if ms > 2 * PERIOD_MS { PERIOD_MS } else { ms };
        let now = self.house.now_ms();
        self.models.iter_mut().for_each(|model| model.reap(now, counted));
    }

    async fn restart_a_worker(&mut self) {
        let worker = self.random.below(3);
        let mine = |model: &&mut Model| model.status == JobStatus::InProgress && model.worker == worker;
        let lost = self.models.iter_mut().filter(mine).map(Model::lose_attempt).count();
        let name = format!("w{worker}");
        let next_life = WorkerIdentity::new(&name, 2).unwrap();
        assert_eq!(self.house.store.release_worker(&next_life).await.unwrap(), lost as u64);
    }

    async fn compare(&self) {
        let stored = self.house.store.list(ENDPOINT, None, 10_000, 0).await.unwrap();
        assert_eq!(stored.len(), self.models.len());
        for (record, model) in stored.iter().rev().zip(&self.models) {
            assert_eq!(record.id, model.id);
            assert_eq!((record.status, record.attempts), (model.status, model.attempts), "{model:?}");
            assert_eq!(record.done_ms.is_some(), model.status.is_terminal());
        }
        let counts = self.house.counts().await;
        assert_eq!(Counts { oldest_queued_ms: 0, ..counts }, self.counts());
    }

    /// What the store keeps count of, counted.
    fn counts(&self) -> Counts {
        let in_state = |status| self.models.iter().filter(|model| model.status == status).count() as i64;
        Counts {
            completed: in_state(JobStatus::Completed),
            failed: in_state(JobStatus::Failed),
            in_progress: in_state(JobStatus::InProgress),
            in_queue: in_state(JobStatus::InQueue),
            cancelled: in_state(JobStatus::Cancelled),
            timed_out: in_state(JobStatus::TimedOut),
            retried: self.models.iter().map(|model| model.retried).sum(),
            deliveries: self.models.iter().map(|model| model.deliveries).sum(),
            ..Counts::default()
        }
    }
}

#[tokio::test]
async fn random_operations_leave_the_store_where_the_model_is() {
    for seed in 1..=4 {
        let mut both =
            Both { house: House::new().await, models: Vec::new(), leases: Vec::new(), random: Random::new(seed) };
        for operation in 0..800 {
            match both.random.below(20) {
                0..3 => both.submit().await,
                3..7 => both.claim().await,
                7..11 => both.write_under_a_lease().await,
                11..12 => both.cancel().await,
                12..19 => both.let_time_pass().await,
                _ if both.random.below(8) == 0 => both.restart_a_worker().await,
                _ if both.random.below(10) == 0 => both.house.reopen().await,
                _ => {}
            }
            if operation % 10 == 9 {
                both.compare().await;
            }
        }
        for model in &both.models {
            let events = both.house.store.events(&model.id, 0).await.unwrap();
            assert_eq!(events.len() as i64, model.events, "seed {seed}: {model:?}");
        }
        let reached = |status| both.models.iter().filter(|model| model.status == status).count();
        for status in [JobStatus::Completed, JobStatus::Failed, JobStatus::Cancelled, JobStatus::TimedOut] {
            assert!(reached(status) > 0, "seed {seed} never reached {status}");
        }
        assert!(both.models.iter().any(|model| model.retried > 1), "seed {seed} never retried a job twice");
    }
}
