//! Cancel is final.

use protocol::JobStatus;
use serde_json::json;

use crate::house::{CANCELLED, ENDPOINT, House, START_MS, id};

#[tokio::test]
async fn a_cancelled_job_in_the_queue_is_never_claimed() {
    let house = House::new().await;
    let job = house.submit("a").await;
    house.wait_ms(5);
    let cancelled = house.store.cancel(&job).await.unwrap().unwrap();
    assert_eq!((cancelled.status, cancelled.done_ms), (JobStatus::Cancelled, Some(START_MS + 5)));
    assert_eq!(house.claim_name().await, "-");
}

#[tokio::test]
async fn no_completed_follows_a_cancel_and_the_worker_learns_why() {
    let house = House::new().await;
    let job = house.submit("a").await;
    let claim = house.claim("w").await;
    house.store.cancel(&job).await.unwrap();
    let lease = &claim.lease;
    assert_eq!(house.heartbeat(lease).await, CANCELLED);
    assert_eq!(house.record(lease, &json!({"step": 1})).await, CANCELLED);
    assert_eq!(house.store.record_output(lease, &json!([1])).await.unwrap(), CANCELLED);
    assert_eq!(house.complete(lease).await, CANCELLED);
    assert_eq!(house.fail(lease).await, CANCELLED);
    assert_eq!(house.release(lease).await, CANCELLED);
    assert_eq!(house.store.hand_back(lease, None).await.unwrap(), CANCELLED);
    assert_eq!(house.lose_leases().await.total(), 0);
    assert_eq!(house.store.release_worker(&jobs::WorkerIdentity::new("w", 2).unwrap()).await.unwrap(), 0);
    assert_eq!(house.status(&job).await, JobStatus::Cancelled);
}

#[tokio::test]
async fn cancelling_what_has_ended_changes_nothing() {
    let house = House::new().await;
    let job = house.submit("a").await;
    let claim = house.claim("w").await;
    assert!(house.complete(&claim.lease).await.is_held());
    let completed = house.store.outline(&job).await.unwrap();
    house.wait_ms(5);
    assert_eq!(house.store.cancel(&job).await.unwrap(), completed);
    assert_eq!(house.store.cancel(&id("nothing")).await.unwrap(), None);
}

#[tokio::test]
async fn cancelling_again_changes_nothing() {
    let house = House::new().await;
    let job = house.submit("a").await;
    let first = house.store.cancel(&job).await.unwrap();
    house.wait_ms(5);
    assert_eq!(house.store.cancel(&job).await.unwrap(), first);
}

#[tokio::test]
async fn purging_the_queue_cancels_what_waits_there_and_lets_run_what_runs() {
    let house = House::new().await;
    let running = house.submit("a").await;
    let waiting = [house.submit("b").await, house.submit("c").await];
    let elsewhere = house.submit_with("d", |job| job.endpoint = "other".into()).await;
    let claim = house.claim("w").await;
    assert_eq!(house.store.purge_queue(ENDPOINT).await.unwrap(), 2);
    for job in &waiting {
        assert_eq!(house.status(job).await, JobStatus::Cancelled);
    }
    assert_eq!(house.status(&elsewhere).await, JobStatus::InQueue);
    assert!(house.complete(&claim.lease).await.is_held());
    assert_eq!(house.status(&running).await, JobStatus::Completed);
    assert_eq!(house.store.purge_queue(ENDPOINT).await.unwrap(), 0);
}

#[tokio::test]
async fn a_long_queue_is_purged_to_its_end() {
    let house = House::new().await;
    for n in 0..230 {
        house.submit(&format!("job-{n}")).await;
    }
    assert_eq!(house.store.purge_queue(ENDPOINT).await.unwrap(), 230);
    assert_eq!((house.counts().await.in_queue, house.counts().await.cancelled), (0, 230));
}

/// Whoever comes first wins, and both sides are told the same story.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_cancel_and_a_finish_at_the_same_time_exactly_one_wins() {
    let house = House::new().await;
    for round in 0..25 {
        let job = house.submit(&format!("job-{round}")).await;
        let claim = house.claim("w").await;
        let (cancel, finish) = (house.store.clone(), house.store.clone());
        let cancelled = tokio::spawn({
            let job = job.clone();
            async move { cancel.cancel(&job).await.unwrap().unwrap().status }
        });
        let lease = claim.lease.clone();
        let finished = tokio::spawn(async move { finish.complete(&lease, &json!({})).await.unwrap() });
        let (cancelled, finished) = (cancelled.await.unwrap(), finished.await.unwrap());
        let expected = if finished.is_held() { JobStatus::Completed } else { JobStatus::Cancelled };
        assert_eq!((cancelled, house.status(&job).await), (expected, expected));
    }
}
