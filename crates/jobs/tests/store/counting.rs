//! The numbers behind `/health`.

use jobs::Counts;

use crate::house::{ENDPOINT, House, LEASE_MS, PERIOD_MS};

#[tokio::test]
async fn an_empty_store_counts_nothing() {
    assert_eq!(House::new().await.counts().await, Counts::default());
}

#[tokio::test]
async fn jobs_are_counted_by_state() {
    let house = House::new().await;
    for name in ["completed", "failed", "running", "expiring", "cancelled", "waiting"] {
        house
            .submit_with(name, |job| {
                job.webhook = (name == "failed").then(|| "https://example.org".into());
                job.ttl_ms = (name == "expiring").then_some(2 * LEASE_MS);
            })
            .await;
    }
    // The first worker is lost once.
    house.claim("w").await;
    assert_eq!(house.lose_leases().await.requeued, 1);
    assert!(house.complete(&house.claim("w").await.lease).await.is_held());
    assert!(house.fail(&house.claim("w").await.lease).await.is_held());
    let running = house.claim("w").await;
    while house.counts().await.timed_out == 0 {
        assert!(house.heartbeat(&running.lease).await.is_held());
        house.pass_ms(PERIOD_MS).await;
    }
    house.store.cancel(&"cancelled".parse().unwrap()).await.unwrap();
    let counts = house.counts().await;
    let expected = Counts {
        completed: 1,
        failed: 1,
        in_progress: 1,
        in_queue: 1,
        cancelled: 1,
        timed_out: 1,
        retried: 1,
        oldest_queued_ms: 2 * LEASE_MS,
        deliveries: 1,
        ..Counts::default()
    };
    assert_eq!(counts, expected);
}

#[tokio::test]
async fn each_endpoint_is_counted_for_itself() {
    let house = House::new().await;
    house.submit("a").await;
    house.submit_with("b", |job| job.endpoint = "other".into()).await;
    house.submit_with("c", |job| job.endpoint = "other".into()).await;
    assert_eq!(house.counts().await.in_queue, 1);
    assert_eq!(house.store.counts("other").await.unwrap().in_queue, 2);
    assert_eq!(house.store.counts("none").await.unwrap(), Counts::default());
}

#[tokio::test]
async fn counts_outlive_restarts_and_forgotten_jobs() {
    let mut house = House::new().await;
    let lost = house.submit("a").await;
    house.claim("w").await;
    house.lose_leases().await;
    assert!(house.complete(&house.claim("w").await.lease).await.is_held());
    house.submit("b").await;
    assert!(house.fail(&house.claim("w").await.lease).await.is_held());
    assert!(house.store.forget_job(&lost).await.unwrap());
    house.reopen().await;
    let counts = house.store.counts(ENDPOINT).await.unwrap();
    assert_eq!(counts, Counts { completed: 1, failed: 1, retried: 1, ..Counts::default() });
}
