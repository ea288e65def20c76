//! Who is claimed when.

use jobs::{LOW_PRIORITY, NewJob, StoreError};
use protocol::JobStatus;
use serde_json::json;

use crate::house::{House, LEASE_MS, START_MS, id};

#[tokio::test]
async fn jobs_are_claimed_in_the_order_of_their_submission() {
    let house = House::new().await;
    for name in ["c", "a", "b"] {
        house.submit(name).await;
    }
    assert_eq!([house.claim_name().await, house.claim_name().await, house.claim_name().await], ["c", "a", "b"]);
    assert_eq!(house.claim_name().await, "-");
}

#[tokio::test]
async fn low_priority_runs_after_normal_and_high_before() {
    let house = House::new().await;
    house.submit_with("low", |job| job.priority = LOW_PRIORITY).await;
    house.submit("normal").await;
    house.submit_with("high", |job| job.priority = 1).await;
    assert_eq!(
        [house.claim_name().await, house.claim_name().await, house.claim_name().await],
        ["high", "normal", "low"]
    );
}

#[tokio::test]
async fn a_job_that_lost_an_attempt_goes_before_older_and_younger_ones_of_its_priority() {
    let house = House::new().await;
    house.submit("older").await;
    house.submit("lost").await;
    house.submit_with("low", |job| job.priority = LOW_PRIORITY).await;
    let older = house.claim("w").await;
    let lost = house.claim("w").await;
    assert!(house.store.hand_back(&older.lease).await.unwrap().is_held());
    house.submit("younger").await;
    assert!(house.store.release(&lost.lease, "the child died").await.unwrap().is_held());
    assert_eq!(
        [house.claim_name().await, house.claim_name().await, house.claim_name().await],
        ["older", "lost", "younger"]
    );
}

#[tokio::test]
async fn a_claim_carries_the_job_its_lease_and_its_deadline() {
    let house = House::new().await;
    let job = house.submit_with("a", |job| job.execution_timeout_ms = Some(5_000)).await;
    house.wait_ms(250);
    let claim = house.claim("w1").await;
    assert_eq!(claim.job, house.get(&job).await);
    assert_eq!(claim.job.status, JobStatus::InProgress);
    assert_eq!(claim.job.worker.as_deref(), Some("w1"));
    assert_eq!((claim.job.created_ms, claim.job.started_ms), (START_MS, Some(START_MS + 250)));
    assert_eq!((claim.job.attempts, claim.lease.number), (1, 1));
    assert_eq!(claim.execution_deadline_ms, Some(START_MS + 5_250));
    assert_eq!(claim.execution_timeout_ms, Some(5_000));
}

#[tokio::test]
async fn a_submitted_job_is_given_back_as_it_was_sent() {
    let house = House::new().await;
    // Key order, floats and text beyond ASCII come back as they went in.
    let input = json!({"z": 1, "a": [0.1, 1e-6, null], "text": "Ünï\u{0}code \u{1F600}"});
    let mut job = NewJob::new(id("a"), input.clone());
    job.webhook = Some("https://example.org/hook?token=1".into());
    let submitted = house.store.submit(job).await.unwrap();
    assert_eq!(submitted, house.get(&id("a")).await);
    assert_eq!(submitted.input.to_string(), input.to_string());
    assert_eq!(submitted.webhook.as_deref(), Some("https://example.org/hook?token=1"));
    assert_eq!((submitted.status, submitted.attempts, submitted.started_ms), (JobStatus::InQueue, 0, None));
    assert_eq!(house.store.get(&id("b")).await.unwrap(), None);
}

#[tokio::test]
async fn a_second_job_of_the_same_id_is_refused_and_the_first_is_kept() {
    let house = House::new().await;
    house.submit("a").await;
    let second = house.store.submit(NewJob::new(id("a"), json!({"other": true}))).await;
    assert!(matches!(second, Err(StoreError::JobExists(_))), "{second:?}");
    assert_eq!(house.get(&id("a")).await.input["other"], json!(null));
}

#[tokio::test]
async fn a_job_past_its_ttl_is_not_claimed_and_times_out() {
    let house = House::new().await;
    let job = house.submit_with("a", |job| job.ttl_ms = Some(10_000)).await;
    house.wait_ms(9_999);
    assert_eq!(house.store.reap().await.unwrap().total(), 0);
    house.wait_ms(1);
    assert_eq!(house.claim_name().await, "-");
    assert_eq!(house.store.reap().await.unwrap().timed_out, 1);
    let job = house.get(&job).await;
    assert_eq!((job.status, job.done_ms), (JobStatus::TimedOut, Some(START_MS + 10_000)));
    assert_eq!(house.store.reap().await.unwrap().total(), 0);
}

#[tokio::test]
async fn the_ttl_does_not_touch_a_job_that_runs() {
    let house = House::new().await;
    let job = house.submit_with("a", |job| job.ttl_ms = Some(10_000)).await;
    house.claim("w").await;
    house.wait_ms(20_000);
    assert_eq!(house.store.reap().await.unwrap().total(), 0);
    assert_eq!(house.status(&job).await, JobStatus::InProgress);
}

#[tokio::test]
async fn an_idle_worker_is_woken_by_a_submission() {
    let house = House::new().await;
    let changed = house.store.changed();
    assert!(house.store.claim("w", LEASE_MS).await.unwrap().is_none());
    house.submit("a").await;
    tokio::time::timeout(std::time::Duration::from_secs(5), changed).await.expect("woken");
}

#[tokio::test]
async fn jobs_are_listed_from_the_newest_and_by_state() {
    let house = House::new().await;
    for name in ["a", "b", "c"] {
        house.submit(name).await;
    }
    house.claim("w").await;
    let names = async |status, limit, offset| {
        let jobs = house.store.list(status, limit, offset).await.unwrap();
        jobs.iter().map(|job| job.id.to_string()).collect::<String>()
    };
    assert_eq!(names(None, 10, 0).await, "cba");
    assert_eq!(names(None, 1, 1).await, "b");
    assert_eq!(names(Some(JobStatus::InQueue), 10, 0).await, "cb");
    assert_eq!(names(Some(JobStatus::InProgress), 10, 0).await, "a");
}
