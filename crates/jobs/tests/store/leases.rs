//! Fencing: what a worker may still do with a lease, and what it may not.

use jobs::{LeaseLost, LeaseState};
use protocol::{JobEvent, JobStatus, Stage};

use crate::house::{EXPIRED, House, LEASE_MS, id};

#[tokio::test]
async fn a_late_finish_of_a_lost_lease_changes_nothing() {
    let house = House::new().await;
    let job = house.submit("a").await;
    let first = house.claim("w1").await;
    house.wait_ms(LEASE_MS);
    assert_eq!(house.store.reap().await.unwrap().requeued, 1);
    let queued = house.get(&job).await;
    assert_eq!(house.complete(&first.lease).await, EXPIRED);
    assert_eq!(house.store.fail(&first.lease, "late").await.unwrap(), EXPIRED);
    assert_eq!(house.get(&job).await, queued);

    let second = house.claim("w2").await;
    let running = house.get(&job).await;
    let event = JobEvent::Stage { stage: Stage::Unet };
    assert_eq!(house.complete(&first.lease).await, EXPIRED);
    assert_eq!(house.store.fail(&first.lease, "late").await.unwrap(), EXPIRED);
    assert_eq!(house.store.release(&first.lease, "late").await.unwrap(), EXPIRED);
    assert_eq!(house.store.hand_back(&first.lease).await.unwrap(), EXPIRED);
    assert_eq!(house.store.heartbeat(&first.lease, LEASE_MS).await.unwrap(), EXPIRED);
    assert_eq!(house.store.record_event(&first.lease, &event).await.unwrap(), EXPIRED);
    assert_eq!(house.get(&job).await, running);

    assert!(house.complete(&second.lease).await.is_held());
    assert_eq!(house.complete(&first.lease).await, EXPIRED);
    assert_eq!(house.status(&job).await, JobStatus::Completed);
}

#[tokio::test]
async fn the_same_worker_needs_its_newest_lease() {
    let house = House::new().await;
    house.submit("a").await;
    let first = house.claim("w").await;
    house.wait_ms(LEASE_MS);
    house.store.reap().await.unwrap();
    let second = house.claim("w").await;
    assert_eq!(second.lease.number, first.lease.number + 1);
    assert_eq!(house.complete(&first.lease).await, EXPIRED);
    assert!(house.complete(&second.lease).await.is_held());
}

#[tokio::test]
async fn heartbeats_keep_a_lease_over_any_time() {
    let house = House::new().await;
    let job = house.submit("a").await;
    let claim = house.claim("w").await;
    for _ in 0..10 {
        house.wait_ms(LEASE_MS - 1);
        assert_eq!(house.store.reap().await.unwrap().total(), 0);
        assert!(house.store.heartbeat(&claim.lease, LEASE_MS).await.unwrap().is_held());
    }
    assert_eq!(house.get(&job).await.attempts, 1);
    assert!(house.complete(&claim.lease).await.is_held());
}

#[tokio::test]
async fn a_finish_between_expiry_and_reaping_still_counts() {
    let house = House::new().await;
    let job = house.submit("a").await;
    let claim = house.claim("w").await;
    house.wait_ms(2 * LEASE_MS);
    assert!(house.complete(&claim.lease).await.is_held());
    assert_eq!(house.store.reap().await.unwrap().total(), 0);
    assert_eq!(house.status(&job).await, JobStatus::Completed);
}

#[tokio::test]
async fn a_lost_worker_is_told_in_the_events_and_costs_one_attempt() {
    let house = House::new().await;
    let job = house.submit("a").await;
    house.claim("w1").await;
    house.wait_ms(LEASE_MS);
    house.store.reap().await.unwrap();
    let message = "worker w1 stopped reporting".to_string();
    let events = house.store.events(&job, 0).await.unwrap();
    assert_eq!(events, [(1, JobEvent::AttemptLost { attempt: 1, message })]);
    let waiting = house.get(&job).await;
    assert_eq!((waiting.status, waiting.attempts, waiting.progress), (JobStatus::InQueue, 1, None));
    assert_eq!(house.claim("w2").await.job.attempts, 2);
}

#[tokio::test]
async fn a_job_that_loses_every_worker_is_set_aside_with_runpods_phrase() {
    let house = House::new().await;
    let job = house.submit_with("poison", |job| job.webhook = Some("https://example.org".into())).await;
    for attempt in 1..=3 {
        house.claim("w").await;
        house.wait_ms(LEASE_MS);
        let reaped = house.store.reap().await.unwrap();
        assert_eq!((reaped.requeued, reaped.set_aside), if attempt < 3 { (1, 0) } else { (0, 1) });
    }
    let failed = house.get(&job).await;
    assert_eq!(failed.status, JobStatus::Failed);
    assert_eq!(failed.error.as_deref(), Some("job timed out after 2 retries"));
    assert_eq!(house.claim_name().await, "-");
    assert_eq!(house.store.events(&job, 0).await.unwrap().len(), 3);
    assert_eq!(house.store.due_deliveries(10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_job_of_one_attempt_is_not_tried_again() {
    let house = House::new().await;
    let job = house.submit_with("a", |job| job.max_attempts = 0).await;
    let claim = house.claim("w").await;
    assert!(house.store.release(&claim.lease, "the child was killed").await.unwrap().is_held());
    let failed = house.get(&job).await;
    assert_eq!(failed.status, JobStatus::Failed);
    assert_eq!(failed.error.as_deref(), Some("job timed out after 0 retries: the child was killed"));
}

#[tokio::test]
async fn a_job_handed_back_does_not_lose_an_attempt() {
    let house = House::new().await;
    let job = house.submit("a").await;
    for _ in 0..5 {
        let claim = house.claim("w").await;
        assert!(house.store.hand_back(&claim.lease).await.unwrap().is_held());
        assert_eq!(house.complete(&claim.lease).await, EXPIRED);
    }
    let waiting = house.get(&job).await;
    assert_eq!((waiting.status, waiting.attempts, waiting.started_ms), (JobStatus::InQueue, 0, None));
}

#[tokio::test]
async fn a_restarted_worker_frees_its_own_jobs_at_once_and_no_other_ones() {
    let house = House::new().await;
    let (mine, also_mine, other) = (house.submit("a").await, house.submit("b").await, house.submit("c").await);
    let old = house.claim("w1").await;
    house.claim("w1").await;
    house.claim("w2").await;
    assert_eq!(house.store.release_worker("w1").await.unwrap(), 2);
    assert_eq!(house.status(&mine).await, JobStatus::InQueue);
    assert_eq!(house.status(&also_mine).await, JobStatus::InQueue);
    assert_eq!(house.status(&other).await, JobStatus::InProgress);
    assert_eq!(house.complete(&old.lease).await, EXPIRED);
    assert_eq!(house.claim("w1").await.job.id, mine);
    assert_eq!(house.store.release_worker("nobody").await.unwrap(), 0);
}

#[tokio::test]
async fn finishing_twice_tells_that_it_was_done() {
    let house = House::new().await;
    house.submit("a").await;
    let claim = house.claim("w").await;
    assert!(house.complete(&claim.lease).await.is_held());
    let ended = LeaseState::Lost(LeaseLost::Ended(JobStatus::Completed));
    assert_eq!(house.complete(&claim.lease).await, ended);
    assert_eq!(house.store.fail(&claim.lease, "no").await.unwrap(), ended);
    assert_eq!(house.store.heartbeat(&claim.lease, LEASE_MS).await.unwrap(), ended);
    assert_eq!(house.status(&id("a")).await, JobStatus::Completed);
}

#[tokio::test]
async fn a_lease_of_an_unknown_job_is_lost() {
    let house = House::new().await;
    let lease = jobs::Lease { job: id("nothing"), number: 1 };
    assert_eq!(house.complete(&lease).await, LeaseState::Lost(LeaseLost::Deleted));
    assert_eq!(house.store.heartbeat(&lease, 1).await.unwrap(), LeaseState::Lost(LeaseLost::Deleted));
}
