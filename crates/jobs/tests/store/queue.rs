//! Who is claimed when.

use jobs::{Lane, StoreError, Submission};
use protocol::{FailureCode, JobStatus};
use serde_json::json;

use crate::house::{ENDPOINT, House, PERIOD_MS, START_MS, id, life, new_job, stored};

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
async fn the_low_lane_runs_after_the_normal_one() {
    let house = House::new().await;
    house.submit_with("low", |job| job.lane = Lane::Low).await;
    house.submit("normal").await;
    assert_eq!([house.claim_name().await, house.claim_name().await], ["normal", "low"]);
}

#[tokio::test]
async fn a_worker_gets_jobs_of_its_endpoint_only() {
    let house = House::new().await;
    house.submit_with("theirs", |job| job.endpoint = "other".into()).await;
    assert_eq!(house.claim_name().await, "-");
    let claim = house.store.claim(&life("w"), "other").await.unwrap().unwrap();
    assert_eq!((claim.job.id.as_str(), claim.job.endpoint.as_str()), ("theirs", "other"));
}

#[tokio::test]
async fn a_job_that_lost_an_attempt_goes_before_younger_ones_of_its_lane() {
    let house = House::new().await;
    house.submit("older").await;
    house.submit("lost").await;
    house.submit_with("low", |job| job.lane = Lane::Low).await;
    let older = house.claim("w").await;
    let lost = house.claim("w").await;
    assert!(house.store.hand_back(&older.lease, None).await.unwrap().is_held());
    house.submit("younger").await;
    assert!(house.release(&lost.lease).await.is_held());
    assert_eq!(
        [house.claim_name().await, house.claim_name().await, house.claim_name().await],
        ["older", "lost", "younger"]
    );
}

#[tokio::test]
async fn a_claim_carries_the_job_its_work_and_its_lease() {
    let house = House::new().await;
    let job = house.submit_with("a", |job| job.execution_timeout_ms = Some(5_000)).await;
    house.wait_ms(250);
    let claim = house.claim("gpu-0").await;
    assert_eq!(claim.job, house.get(&job).await);
    assert_eq!(claim.job.status, JobStatus::InProgress);
    assert_eq!(claim.job.worker.as_deref(), Some("gpu-0-00000001"));
    assert_eq!((claim.job.created_ms, claim.job.started_ms), (START_MS, Some(START_MS + 250)));
    assert_eq!((claim.job.attempts, claim.lease.number), (1, 1));
    assert_eq!((claim.work, claim.secrets), (json!({"train": {"unet_epochs": 150}}), None));
    assert_eq!(claim.execution_timeout_ms, Some(5_000));
}

#[tokio::test]
async fn a_submitted_job_is_given_back_as_it_was_sent() {
    let house = House::new().await;
    // Key order, floats and text beyond ASCII come back as they went in.
    let request = json!({"z": 1, "a": [0.1, 1e-6, null], "text": "Ünï\u{0}code \u{1F600}"});
    let mut job = new_job("a");
    job.request = request.clone();
    job.work = request.clone();
    job.owner = Some("key-1".into());
    let submitted = stored(house.store.submit(job, None).await.unwrap());
    assert_eq!(submitted, house.get(&id("a")).await);
    assert_eq!(submitted.request.to_string(), request.to_string());
    assert_eq!((submitted.endpoint.as_str(), submitted.owner.as_deref()), (ENDPOINT, Some("key-1")));
    assert_eq!((submitted.status, submitted.attempts, submitted.started_ms), (JobStatus::InQueue, 0, None));
    assert_eq!(house.claim("w").await.work.to_string(), request.to_string());
    assert_eq!(house.store.get(&id("b")).await.unwrap(), None);
}

#[tokio::test]
async fn an_outline_is_the_job_without_its_request() {
    let house = House::new().await;
    let job = house.submit("a").await;
    let mut expected = house.get(&job).await;
    expected.request = json!(null);
    assert_eq!(house.store.outline(&job).await.unwrap(), Some(expected));
    assert_eq!(house.store.outline(&id("b")).await.unwrap(), None);
    assert_eq!(house.store.status(&id("b")).await.unwrap(), None);
}

#[tokio::test]
async fn a_second_job_of_the_same_id_is_refused_and_the_first_is_kept() {
    let house = House::new().await;
    house.submit("a").await;
    let mut second = new_job("a");
    second.request = json!({"other": true});
    let refused = house.store.submit(second, None).await;
    assert!(matches!(refused, Err(StoreError::JobExists(_))), "{refused:?}");
    assert_eq!(house.get(&id("a")).await.request["other"], json!(null));
    assert_eq!(house.counts().await.in_queue, 1);
}

#[tokio::test]
async fn a_full_queue_refuses_by_name_and_number_until_a_job_is_claimed() {
    let house = House::new().await;
    for name in ["a", "b"] {
        stored(house.store.submit(new_job(name), Some(2)).await.unwrap());
    }
    let refused = house.store.submit(new_job("c"), Some(2)).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the queue of dream-booth-v1 is full: 2 jobs wait, as many as may; submit the job again later"
    );
    assert!(matches!(refused, StoreError::QueueFull { limit: 2, .. }));
    assert_eq!((house.store.get(&id("c")).await.unwrap(), house.counts().await.in_queue), (None, 2));
    let mut elsewhere = new_job("d");
    elsewhere.endpoint = "other".into();
    stored(house.store.submit(elsewhere, Some(2)).await.unwrap());
    house.claim("w").await;
    stored(house.store.submit(new_job("c"), Some(2)).await.unwrap());
}

/// The limit is checked where the job is stored, so many at once do not slip past it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_twenty_submissions_at_once_exactly_as_many_are_stored_as_fit() {
    let house = House::new().await;
    let submit = |n: usize| {
        let store = house.store.clone();
        tokio::spawn(async move { store.submit(new_job(&format!("job-{n}")), Some(7)).await })
    };
    let mut stored = 0;
    for task in (0..20).map(submit).collect::<Vec<_>>() {
        match task.await.unwrap() {
            Ok(Submission::Stored(_)) => stored += 1,
            Err(StoreError::QueueFull { limit: 7, .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((stored, house.counts().await.in_queue), (7, 7));
}

#[tokio::test]
async fn a_job_past_its_ttl_is_not_claimed_and_times_out_with_a_reason() {
    let house = House::new().await;
    let job = house.submit_with("a", |job| job.ttl_ms = Some(10_000)).await;
    house.wait_ms(9_999);
    assert_eq!(house.watch_ms(0).await.total(), 0);
    house.wait_ms(1);
    assert_eq!(house.claim_name().await, "-");
    assert_eq!(house.watch_ms(0).await.timed_out, 1);
    let job = house.get(&job).await;
    assert_eq!((job.status, job.done_ms), (JobStatus::TimedOut, Some(START_MS + 10_000)));
    let failure = job.failure.unwrap();
    assert_eq!(
        (failure.code, failure.sentence.as_str()),
        (FailureCode::TtlExpired, "the job waited longer than its ttl")
    );
    assert_eq!(house.pass_ms(PERIOD_MS).await.total(), 0);
}

#[tokio::test]
async fn the_ttl_does_not_touch_a_job_that_runs() {
    let house = House::new().await;
    let job = house.submit_with("a", |job| job.ttl_ms = Some(10_000)).await;
    house.claim("w").await;
    assert_eq!(house.pass_ms(20_000).await.total(), 0);
    assert_eq!(house.status(&job).await, JobStatus::InProgress);
}

#[tokio::test]
async fn a_job_that_was_picked_up_in_time_does_not_time_out_when_it_waits_for_its_next_attempt() {
    let house = House::new().await;
    let lost = house.submit_with("lost", |job| job.ttl_ms = Some(10_000)).await;
    let back = house.submit_with("handed-back", |job| job.ttl_ms = Some(10_000)).await;
    let (first, second) = (house.claim("w").await, house.claim("w").await);
    assert!(house.release(&first.lease).await.is_held());
    assert!(house.store.hand_back(&second.lease, None).await.unwrap().is_held());
    assert_eq!(house.pass_ms(100_000).await.timed_out, 0);
    assert_eq!([house.claim("w").await.job.id, house.claim("w").await.job.id], [lost, back]);
}

#[tokio::test]
async fn an_idle_worker_is_woken_by_a_submission() {
    let house = House::new().await;
    let changed = house.store.changed();
    assert!(house.try_claim("w").await.is_none());
    house.submit("a").await;
    tokio::time::timeout(std::time::Duration::from_secs(5), changed).await.expect("woken");
}

#[tokio::test]
async fn jobs_are_listed_from_the_newest_by_endpoint_and_state() {
    let house = House::new().await;
    for name in ["a", "b", "c"] {
        house.submit(name).await;
    }
    house.submit_with("d", |job| job.endpoint = "other".into()).await;
    house.claim("w").await;
    let names = async |status, limit, offset| {
        let jobs = house.store.list(ENDPOINT, status, limit, offset).await.unwrap();
        jobs.iter().map(|job| job.id.to_string()).collect::<String>()
    };
    assert_eq!(names(None, 10, 0).await, "cba");
    assert_eq!(names(None, 1, 1).await, "b");
    assert_eq!(names(Some(JobStatus::InQueue), 10, 0).await, "cb");
    assert_eq!(names(Some(JobStatus::InProgress), 10, 0).await, "a");
}
