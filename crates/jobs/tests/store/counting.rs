//! The numbers behind `/health`, and what opening refuses.

use jobs::{Clock, Counts, JobStore, WORKER_SEEN_MS, WorkerState};

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

#[tokio::test]
async fn the_databases_clock_is_the_time_of_day() {
    let dir = tempfile::TempDir::new().unwrap();
    let store = JobStore::open(&dir.path().join("jobs.db"), Clock::Database).await.unwrap();
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let apart = store.now_ms().await.unwrap() - since_1970.as_millis() as i64;
    assert!(apart.abs() < 5_000, "{apart} ms");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("jobs.db");
    let text = "not a database at all ".repeat(1_000);
    std::fs::write(&path, &text).unwrap();
    let error = JobStore::open(&path, Clock::Database).await.unwrap_err();
    assert!(error.to_string().contains("not a database"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn a_missing_folder_is_named() {
    let dir = tempfile::TempDir::new().unwrap();
    let error = JobStore::open(&dir.path().join("no/jobs.db"), Clock::Database).await.unwrap_err();
    assert!(error.to_string().contains("no/jobs.db cannot be opened"), "{error}");
}

#[tokio::test]
async fn a_path_with_odd_characters_is_taken_as_it_is() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("jobs 100%41? #ä.db");
    let store = JobStore::open(&path, Clock::Database).await.unwrap();
    store.create_key("a").await.unwrap();
    store.close().await;
    assert!(std::fs::metadata(&path).unwrap().len() > 0);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else was made");
    assert!(JobStore::open(&path, Clock::Database).await.unwrap().has_keys().await.unwrap());
}
