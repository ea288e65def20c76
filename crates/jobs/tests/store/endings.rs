//! What comes with the end of a job: its record, its output, its failure.

use jobs::{LeaseLost, LeaseState};
use protocol::{Failure, FailureCode, JobStatus};
use serde_json::json;

use crate::house::{House, START_MS, no_images};

#[tokio::test]
async fn a_completed_job_keeps_its_output_and_times() {
    let house = House::new().await;
    let job = house.submit("a").await;
    house.wait_ms(100);
    let claim = house.claim("w").await;
    assert!(house.record(&claim.lease, &json!({"event": "stage", "stage": "unet"})).await.is_held());
    house.wait_ms(900);
    let output = json!({"train": {"checkpoint": {"artifact": "a/1/a.ckpt"}}, "inference": []});
    assert!(house.store.complete(&claim.lease, &output).await.unwrap().is_held());
    let done = house.get(&job).await;
    assert_eq!(done.status, JobStatus::Completed);
    assert_eq!(done.output, Some(output));
    assert_eq!((done.started_ms, done.done_ms), (Some(START_MS + 100), Some(START_MS + 1_000)));
    assert_eq!((done.progress, done.failure), (None, None));
}

#[tokio::test]
async fn the_output_of_a_foreign_worker_comes_back_as_it_was() {
    for output in [json!("text"), json!([1, {"b": 2, "a": [null, 0.1]}]), json!({}), json!(12.5), json!(false)] {
        let house = House::new().await;
        let job = house.submit("a").await;
        let claim = house.claim("w").await;
        assert!(house.store.complete(&claim.lease, &output).await.unwrap().is_held());
        assert_eq!(house.get(&job).await.output.unwrap().to_string(), output.to_string());
    }
}

#[tokio::test]
async fn a_failed_job_keeps_its_failure() {
    let house = House::new().await;
    let job = house.submit("a").await;
    let claim = house.claim("w").await;
    assert!(house.fail(&claim.lease).await.is_held());
    let failed = house.get(&job).await;
    assert_eq!((failed.status, failed.output), (JobStatus::Failed, None));
    assert_eq!(failed.failure, Some(no_images()));
}

#[tokio::test]
async fn a_partial_output_stands_beside_the_failure() {
    let house = House::new().await;
    let partial = json!({"inference": [{"images": [{"artifact": "a/1/0-0.png"}]}]});
    let job = house.submit("a").await;
    let claim = house.claim("w").await;
    assert!(house.store.record_output(&claim.lease, &json!("earlier")).await.unwrap().is_held());
    assert!(house.store.fail(&claim.lease, &no_images(), Some(&partial)).await.unwrap().is_held());
    assert_eq!(house.get(&job).await.output, Some(partial.clone()));

    let recorded = house.submit("b").await;
    let claim = house.claim("w").await;
    assert!(house.store.record_output(&claim.lease, &partial).await.unwrap().is_held());
    assert_eq!(house.get(&recorded).await.output, Some(partial.clone()));
    assert!(house.fail(&claim.lease).await.is_held());
    assert_eq!(house.get(&recorded).await.output, Some(partial), "what was recorded stays");
}

#[tokio::test]
async fn a_recorded_output_goes_with_the_attempt_that_made_it() {
    let house = House::new().await;
    let job = house.submit_with("a", |job| job.max_attempts = 2).await;
    let claim = house.claim("w").await;
    assert!(house.store.record_output(&claim.lease, &json!([1])).await.unwrap().is_held());
    assert!(house.release(&claim.lease).await.is_held());
    assert_eq!(house.get(&job).await.output, None);
    let last = house.claim("w").await;
    assert!(house.store.record_output(&last.lease, &json!([2])).await.unwrap().is_held());
    assert!(house.release(&last.lease).await.is_held());
    let failed = house.get(&job).await;
    assert_eq!((failed.status, failed.output), (JobStatus::Failed, Some(json!([2]))), "the last attempt's stays");
    let other = house.submit("b").await;
    let claim = house.claim("w").await;
    assert!(house.store.record_output(&claim.lease, &json!([3])).await.unwrap().is_held());
    assert_eq!(house.store.cancel(&other).await.unwrap().unwrap().output, None);
}

#[tokio::test]
async fn an_endless_sentence_is_cut() {
    let house = House::new().await;
    let job = house.submit("a").await;
    let claim = house.claim("w").await;
    let endless = Failure::new(FailureCode::JobFailed, "ä\0".repeat(100_000));
    assert!(house.store.fail(&claim.lease, &endless, None).await.unwrap().is_held());
    assert_eq!(house.get(&job).await.failure.unwrap().sentence.chars().count(), 4_000);
}

#[tokio::test]
async fn an_ending_that_is_told_twice_is_recognised() {
    let house = House::new().await;
    house.submit("a").await;
    let claim = house.claim("w").await;
    assert!(house.fail(&claim.lease).await.is_held());
    let ended = LeaseState::Lost(LeaseLost::Ended(JobStatus::Failed));
    assert_eq!(house.fail(&claim.lease).await, ended);
    assert_eq!(house.counts().await.failed, 1);
}
