//! Fencing: what a worker may still do with a lease, and what it may not.

use jobs::{LeaseLost, LeaseState, WorkerIdentity};
use protocol::{Blame, Failure, FailureCode, JobStatus};
use serde_json::json;

use crate::house::{EXPIRED, House, LEASE_MS, PERIOD_MS, child_died, id};

#[tokio::test]
async fn a_late_finish_of_a_lost_lease_changes_nothing() {
    let house = House::new().await;
    let job = house.submit("a").await;
    let first = house.claim("w1").await;
    assert_eq!(house.lose_leases().await.requeued, 1);
    let queued = house.get(&job).await;
    assert_eq!(house.complete(&first.lease).await, EXPIRED);
    assert_eq!(house.fail(&first.lease).await, EXPIRED);
    assert_eq!(house.get(&job).await, queued);

    let second = house.claim("w2").await;
    let running = house.get(&job).await;
    assert_eq!(house.complete(&first.lease).await, EXPIRED);
    assert_eq!(house.fail(&first.lease).await, EXPIRED);
    assert_eq!(house.release(&first.lease).await, EXPIRED);
    assert_eq!(house.store.hand_back(&first.lease, Some(&child_died())).await.unwrap(), EXPIRED);
    assert_eq!(house.heartbeat(&first.lease).await, EXPIRED);
    assert_eq!(house.record(&first.lease, &json!({"step": 1})).await, EXPIRED);
    assert_eq!(house.store.record_output(&first.lease, &json!([1])).await.unwrap(), EXPIRED);
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
    house.lose_leases().await;
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
        assert_eq!(house.pass_ms(LEASE_MS - PERIOD_MS).await.total(), 0);
        assert!(house.heartbeat(&claim.lease).await.is_held());
    }
    assert_eq!(house.get(&job).await.attempts, 1);
    assert!(house.complete(&claim.lease).await.is_held());
}

#[tokio::test]
async fn a_finish_after_long_silence_that_nobody_saw_still_counts() {
    let house = House::new().await;
    let job = house.submit("a").await;
    let claim = house.claim("w").await;
    house.wait_ms(2 * LEASE_MS);
    assert!(house.complete(&claim.lease).await.is_held());
    assert_eq!(house.lose_leases().await.total(), 0);
    assert_eq!(house.status(&job).await, JobStatus::Completed);
}

#[tokio::test]
async fn a_lost_worker_is_told_in_the_events_and_costs_one_attempt() {
    let house = House::new().await;
    let job = house.submit("a").await;
    house.claim("w1").await;
    house.lose_leases().await;
    let events = house.store.events(&job, 0).await.unwrap();
    let message = "worker w1-00000001 stopped reporting";
    assert_eq!(events, [(1, json!({"event": "attempt_lost", "attempt": 1, "message": message}))]);
    let waiting = house.get(&job).await;
    assert_eq!((waiting.status, waiting.attempts, waiting.progress), (JobStatus::InQueue, 1, None));
    assert_eq!(house.claim("w2").await.job.attempts, 2);
}

#[tokio::test]
async fn a_job_that_loses_every_worker_is_set_aside_with_runpods_phrase_and_the_cause() {
    let house = House::new().await;
    let job = house.submit_with("poison", |job| job.webhook = Some("https://example.org".into())).await;
    for attempt in 1..=3 {
        house.claim("w").await;
        let reaped = house.lose_leases().await;
        assert_eq!((reaped.requeued, reaped.set_aside), if attempt < 3 { (1, 0) } else { (0, 1) });
    }
    let failed = house.get(&job).await;
    let expected = Failure {
        code: FailureCode::WorkerLost,
        blame: Blame::Machine,
        sentence: "job timed out after 2 retries: worker w-00000001 stopped reporting".into(),
    };
    assert_eq!((failed.status, failed.failure), (JobStatus::Failed, Some(expected)));
    assert_eq!(house.claim_name().await, "-");
    assert_eq!(house.store.events(&job, 0).await.unwrap().len(), 3);
    assert_eq!(house.store.due_deliveries(10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_job_of_one_attempt_is_not_tried_again_and_fails_with_the_code_of_the_cause() {
    let house = House::new().await;
    let job = house.submit_with("a", |job| job.max_attempts = 0).await;
    let claim = house.claim("w").await;
    assert!(house.release(&claim.lease).await.is_held());
    let failed = house.get(&job).await;
    assert_eq!(failed.status, JobStatus::Failed);
    let failure = failed.failure.unwrap();
    assert_eq!(failure.code, FailureCode::ChildDied);
    assert_eq!(failure.sentence, "job timed out after 0 retries: the child process was killed");
}

#[tokio::test]
async fn a_job_handed_back_does_not_lose_an_attempt() {
    let house = House::new().await;
    let job = house.submit("a").await;
    for _ in 0..5 {
        let claim = house.claim("w").await;
        assert!(house.store.hand_back(&claim.lease, None).await.unwrap().is_held());
        assert_eq!(house.complete(&claim.lease).await, EXPIRED);
    }
    let waiting = house.get(&job).await;
    assert_eq!((waiting.status, waiting.attempts), (JobStatus::InQueue, 0));
    assert_eq!((waiting.started_ms, waiting.worker), (None, None));
    assert!(house.store.events(&job, 0).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_machine_that_cannot_do_the_work_says_so_in_the_events_and_costs_no_attempt() {
    let house = House::new().await;
    let job = house.submit_with("a", |job| job.max_attempts = 1).await;
    let claim = house.claim("w").await;
    let full = Failure::new(FailureCode::DiskFull, "the disk of worker w is full");
    assert!(house.store.hand_back(&claim.lease, Some(&full)).await.unwrap().is_held());
    let message = "the job waits for another attempt: the disk of worker w is full";
    assert_eq!(house.store.events(&job, 0).await.unwrap(), [(1, json!({"event": "warning", "message": message}))]);
    assert_eq!(house.claim("w").await.job.attempts, 1);
}

#[tokio::test]
async fn a_restarted_worker_frees_the_jobs_of_its_former_lives_at_once_and_no_other_ones() {
    let house = House::new().await;
    let jobs = [house.submit("a").await, house.submit("b").await, house.submit("c").await, house.submit("d").await];
    let old = house.claim("w1").await;
    house.claim("w1").await;
    house.claim("w2").await;
    let new_life = WorkerIdentity::new("w1", 2).unwrap();
    house.store.claim(&new_life, crate::house::ENDPOINT).await.unwrap().unwrap();
    assert_eq!(house.store.release_worker(&new_life).await.unwrap(), 2);
    assert_eq!(house.status(&jobs[0]).await, JobStatus::InQueue);
    assert_eq!(house.status(&jobs[1]).await, JobStatus::InQueue);
    assert_eq!(house.status(&jobs[2]).await, JobStatus::InProgress, "another worker's");
    assert_eq!(house.status(&jobs[3]).await, JobStatus::InProgress, "its own");
    let message = "worker w1 was restarted";
    let lost = json!({"event": "attempt_lost", "attempt": 1, "message": message});
    assert_eq!(house.store.events(&jobs[0], 0).await.unwrap(), [(1, lost)]);
    assert_eq!(house.complete(&old.lease).await, EXPIRED);
    assert_eq!(house.claim("w1").await.job.id, jobs[0]);
    assert_eq!(house.store.release_worker(&WorkerIdentity::new("nobody", 1).unwrap()).await.unwrap(), 0);
}

#[tokio::test]
async fn finishing_twice_tells_that_it_was_done() {
    let house = House::new().await;
    house.submit("a").await;
    let claim = house.claim("w").await;
    assert!(house.complete(&claim.lease).await.is_held());
    let ended = LeaseState::Lost(LeaseLost::Ended(JobStatus::Completed));
    assert_eq!(house.complete(&claim.lease).await, ended);
    assert_eq!(house.fail(&claim.lease).await, ended);
    assert_eq!(house.heartbeat(&claim.lease).await, ended);
    assert_eq!(house.status(&id("a")).await, JobStatus::Completed);
}

#[tokio::test]
async fn a_lease_of_an_unknown_job_is_lost() {
    let house = House::new().await;
    let lease = jobs::Lease { job: id("nothing"), number: 1 };
    assert_eq!(house.complete(&lease).await, LeaseState::Lost(LeaseLost::Deleted));
    assert_eq!(house.heartbeat(&lease).await, LeaseState::Lost(LeaseLost::Deleted));
}
