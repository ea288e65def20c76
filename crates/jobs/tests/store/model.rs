//! Random operations on the store and on a model in memory that a reader can check by eye; both must agree after each.

use jobs::{Lease, LeaseState, NewJob};
use protocol::{JobId, JobOutput, JobStatus};
use serde_json::json;

use crate::house::{House, id};

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
    priority: i64,
    expires_ms: Option<i64>,
    timeout_ms: Option<i64>,
    attempts: i64,
    max_attempts: i64,
    lease: i64,
    lease_until_ms: i64,
    deadline_ms: Option<i64>,
    worker: u64,
    events: i64,
    deliveries: i64,
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
        }
    }

    fn reap(&mut self, now: i64) {
        match self.status {
            JobStatus::InQueue if self.expires_ms.is_some_and(|expires| expires <= now) => {
                self.end(JobStatus::TimedOut);
            }
            JobStatus::InProgress => {
                let lost_first = self.deadline_ms.is_none_or(|deadline| self.lease_until_ms <= deadline);
                if self.lease_until_ms <= now && lost_first {
                    self.lose_attempt();
                } else if self.deadline_ms.is_some_and(|deadline| deadline <= now) {
                    self.end(JobStatus::Failed);
                }
            }
            _ => {}
        }
    }
}

const LEASE_MS: i64 = 50;

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
        let mut job = NewJob::new(id(&format!("job-{}", self.models.len())), json!({}));
        job.webhook = Some("https://example.org".into());
        job.priority = self.random.below(3) as i64 - 1;
        job.max_attempts = 1 + self.random.below(3) as i64;
        job.ttl_ms = self.maybe(300);
        job.execution_timeout_ms = self.maybe(100);
        self.models.push(Model {
            id: job.id.clone(),
            status: JobStatus::InQueue,
            priority: job.priority,
            expires_ms: job.ttl_ms.map(|ttl| now + ttl),
            timeout_ms: job.execution_timeout_ms,
            attempts: 0,
            max_attempts: job.max_attempts,
            lease: 0,
            lease_until_ms: 0,
            deadline_ms: None,
            worker: 0,
            events: 0,
            deliveries: 0,
        });
        self.house.store.submit(job).await.unwrap();
    }

    async fn claim(&mut self) {
        let now = self.house.now_ms();
        let worker = self.random.below(3);
        let claimed = self.house.store.claim(&format!("w{worker}"), LEASE_MS).await.unwrap();
        let waits = |model: &&mut Model| {
            model.status == JobStatus::InQueue && model.expires_ms.is_none_or(|expires| expires > now)
        };
        // `max_by_key` takes the last of equals: from the newest to the oldest, that is the oldest.
        let next = self.models.iter_mut().rev().filter(waits).max_by_key(|model| model.priority);
        assert_eq!(claimed.as_ref().map(|claim| &claim.job.id), next.as_ref().map(|model| &model.id));
        let (Some(claim), Some(model)) = (claimed, next) else { return };
        model.status = JobStatus::InProgress;
        model.attempts += 1;
        model.lease += 1;
        model.lease_until_ms = now + LEASE_MS;
        model.deadline_ms = model.timeout_ms.map(|timeout| now + timeout);
        model.worker = worker;
        assert_eq!((claim.lease.number, claim.execution_deadline_ms), (model.lease, model.deadline_ms));
        self.leases.push(claim.lease);
    }

    async fn write_under_a_lease(&mut self) {
        let Some(lease) = self.some_lease() else { return };
        let now = self.house.now_ms();
        let store = self.house.store.clone();
        let held = self.model(&lease.job).holds(&lease);
        let kind = self.random.below(6);
        let state = match kind {
            0 => store.complete(&lease, &JobOutput::default()).await,
            1 => store.fail(&lease, "no").await,
            2 => store.release(&lease, "the child died").await,
            3 => store.hand_back(&lease).await,
            4 => store.heartbeat(&lease, LEASE_MS).await,
            _ => store.record_event(&lease, &protocol::JobEvent::Stage { stage: protocol::Stage::Text }).await,
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
            4 => model.lease_until_ms = now + LEASE_MS,
            _ => model.events += 1,
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

    async fn let_time_pass(&mut self) {
        self.house.wait_ms(self.random.below(40) as i64);
        if self.random.below(2) == 0 {
            self.house.store.reap().await.unwrap();
            let now = self.house.now_ms();
            self.models.iter_mut().for_each(|model| model.reap(now));
        }
    }

    async fn restart_a_worker(&mut self) {
        let worker = self.random.below(3);
        let mine = |model: &&mut Model| model.status == JobStatus::InProgress && model.worker == worker;
        let lost = self.models.iter_mut().filter(mine).map(Model::lose_attempt).count();
        assert_eq!(self.house.store.release_worker(&format!("w{worker}")).await.unwrap(), lost as u64);
    }

    async fn compare(&self) {
        let stored = self.house.store.list(None, 10_000, 0).await.unwrap();
        assert_eq!(stored.len(), self.models.len());
        for (record, model) in stored.iter().rev().zip(&self.models) {
            assert_eq!(record.id, model.id);
            assert_eq!((record.status, record.attempts), (model.status, model.attempts), "{model:?}");
            assert_eq!(record.done_ms.is_some(), model.status.is_terminal());
        }
        let deliveries: i64 = self.models.iter().map(|model| model.deliveries).sum();
        assert_eq!(self.house.store.counts().await.unwrap().deliveries, deliveries);
    }
}

#[tokio::test]
async fn random_operations_leave_the_store_where_the_model_is() {
    for seed in 1..=4 {
        let mut both =
            Both { house: House::new().await, models: Vec::new(), leases: Vec::new(), random: Random::new(seed) };
        for operation in 0..600 {
            match both.random.below(20) {
                0..4 => both.submit().await,
                4..9 => both.claim().await,
                9..15 => both.write_under_a_lease().await,
                15..16 => both.cancel().await,
                16..19 => both.let_time_pass().await,
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
    }
}
