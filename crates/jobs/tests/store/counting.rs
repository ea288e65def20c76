//! The numbers behind `/health`.

use jobs::{Counts, WORKER_SEEN_MS, WorkerState};

use crate::house::{House, LEASE_MS};

#[tokio::test]
async fn an_empty_store_counts_nothing() {
    assert_eq!(House::new().await.store.counts().await.unwrap(), Counts::default());
}

#[tokio::test]
async fn jobs_are_counted_by_state() {
    let house = House::new().await;
    for name in ["completed", "failed", "running", "expiring", "cancelled", "waiting"] {
        house
            .submit_with(name, |job| {
                job.webhook = (name == "failed").then(|| "https://example.org".into());
                job.ttl_ms = (name == "expiring").then_some(10 + LEASE_MS);
            })
            .await;
    }
    // The first worker is lost once.
    house.claim("w").await;
    house.wait_ms(LEASE_MS);
    house.store.reap().await.unwrap();
    assert!(house.complete(&house.claim("w").await.lease).await.is_held());
    assert!(house.store.fail(&house.claim("w").await.lease, "no").await.unwrap().is_held());
    house.claim("w").await;
    house.wait_ms(10);
    house.store.reap().await.unwrap();
    house.store.cancel(&"cancelled".parse().unwrap()).await.unwrap();
    let counts = house.store.counts().await.unwrap();
    let expected = Counts {
        completed: 1,
        failed: 1,
        in_progress: 1,
        in_queue: 1,
        cancelled: 1,
        timed_out: 1,
        retried: 1,
        oldest_queued_ms: LEASE_MS + 10,
        deliveries: 1,
        ..Counts::default()
    };
    assert_eq!(counts, expected);
}

#[tokio::test]
async fn workers_are_counted_by_state_until_they_vanish() {
    let house = House::new().await;
    house.store.register_worker("a").await.unwrap();
    for (worker, state) in [("b", WorkerState::Idle), ("c", WorkerState::Running), ("d", WorkerState::Idle)] {
        house.store.register_worker(worker).await.unwrap();
        house.store.heartbeat_worker(worker, state).await.unwrap();
    }
    let workers = async || {
        let counts = house.store.counts().await.unwrap();
        [counts.workers_initializing, counts.workers_idle, counts.workers_running, counts.workers_unhealthy]
    };
    assert_eq!(workers().await, [1, 2, 1, 0]);
    house.store.remove_worker("d").await.unwrap();
    house.wait_ms(WORKER_SEEN_MS);
    house.store.heartbeat_worker("b", WorkerState::Idle).await.unwrap();
    assert_eq!(workers().await, [0, 1, 0, 2]);
    house.wait_ms(86_400_000);
    assert_eq!(workers().await, [0, 0, 0, 0]);
}
