//! What comes with the end of a job: its record, its wiped secrets, its time limits.

use jobs::{LeaseLost, LeaseState, NewJob};
use protocol::{ArtifactKey, JobEvent, JobOutput, JobStatus, Stage, TrainOutput};
use serde_json::json;

use crate::house::{House, LEASE_MS, START_MS, id};

#[tokio::test]
async fn a_completed_job_keeps_its_output_and_times() {
    let house = House::new().await;
    let job = house.submit("a").await;
    house.wait_ms(100);
    let claim = house.claim("w").await;
    let event = JobEvent::Stage { stage: Stage::Unet };
    assert!(house.store.record_event(&claim.lease, &event).await.unwrap().is_held());
    house.wait_ms(900);
    let key = |file| ArtifactKey::new(&job, file).unwrap();
    let train = TrainOutput { checkpoint: key("a.ckpt"), safetensors: key("a.safetensors"), report: key("train.json") };
    let output = JobOutput { inference: Vec::new(), train: Some(train) };
    assert!(house.store.complete(&claim.lease, &output).await.unwrap().is_held());
    let done = house.get(&job).await;
    assert_eq!(done.status, JobStatus::Completed);
    assert_eq!(done.output, Some(output));
    assert_eq!((done.started_ms, done.done_ms), (Some(START_MS + 100), Some(START_MS + 1_000)));
    assert_eq!((done.progress, done.error), (None, None));
}

#[tokio::test]
async fn a_failed_job_keeps_its_sentence() {
    let house = House::new().await;
    let job = house.submit("a").await;
    let claim = house.claim("w").await;
    assert!(house.store.fail(&claim.lease, "the zip holds no image").await.unwrap().is_held());
    let failed = house.get(&job).await;
    assert_eq!((failed.status, failed.output), (JobStatus::Failed, None));
    assert_eq!(failed.error.as_deref(), Some("the zip holds no image"));
}

#[tokio::test]
async fn an_endless_error_is_cut() {
    let house = House::new().await;
    let job = house.submit("a").await;
    let claim = house.claim("w").await;
    assert!(house.store.fail(&claim.lease, &"ä\0".repeat(100_000)).await.unwrap().is_held());
    let error = house.get(&job).await.error.unwrap();
    assert_eq!(error.chars().count(), 4_000);
    assert!(!error.contains('\0'));
}

#[tokio::test]
async fn an_attempt_past_its_execution_timeout_fails_with_runpods_phrase() {
    let house = House::new().await;
    let job = house.submit_with("a", |job| job.execution_timeout_ms = Some(5_000)).await;
    house.wait_ms(100_000);
    let claim = house.claim("w").await;
    house.wait_ms(4_999);
    assert_eq!(house.store.reap().await.unwrap().total(), 0);
    house.wait_ms(1);
    assert_eq!(house.store.reap().await.unwrap().overran, 1);
    let failed = house.get(&job).await;
    assert_eq!((failed.status, failed.error.as_deref()), (JobStatus::Failed, Some("executionTimeout exceeded")));
    let ended = LeaseState::Lost(LeaseLost::Ended(JobStatus::Failed));
    assert_eq!(house.store.heartbeat(&claim.lease, LEASE_MS).await.unwrap(), ended);
    assert_eq!(house.complete(&claim.lease).await, ended);
}

#[tokio::test]
async fn a_worker_lost_before_its_deadline_costs_an_attempt_however_late_it_is_noticed() {
    let house = House::new().await;
    let job = house.submit_with("a", |job| job.execution_timeout_ms = Some(2 * LEASE_MS)).await;
    house.claim("w").await;
    house.wait_ms(3 * LEASE_MS);
    assert_eq!(house.store.reap().await.unwrap().requeued, 1);
    house.claim("w").await;
    house.wait_ms(LEASE_MS - 1);
    assert_eq!(house.store.reap().await.unwrap().total(), 0, "each attempt has its own deadline");
    assert_eq!(house.get(&job).await.attempts, 2);
}

#[tokio::test]
async fn a_token_is_in_the_claim_and_gone_after_every_kind_of_end() {
    for ending in ["complete", "fail", "cancel", "cancel queued", "lose", "overrun", "wait too long"] {
        let house = House::new().await;
        let mut new = NewJob::new(id("a"), json!({"train": {"hf_token": "hf_sesame", "hf_model": "x/y"}}));
        new.execution_timeout_ms = Some(LEASE_MS / 2);
        new.ttl_ms = Some(LEASE_MS * 10);
        new.max_attempts = 1;
        assert!(!format!("{new:?}").contains("sesame"));
        let job = house.store.submit(new).await.unwrap().id;
        if matches!(ending, "cancel queued" | "wait too long") {
            house.wait_ms(LEASE_MS * 10);
        } else {
            let claim = house.claim("w").await;
            assert_eq!(claim.job.input["train"]["hf_token"], "hf_sesame");
            assert!(!format!("{claim:?}").contains("sesame"));
            let lease = &claim.lease;
            let state = match ending {
                "complete" => house.complete(lease).await,
                "fail" => house.store.fail(lease, "no").await.unwrap(),
                "lose" => house.store.release(lease, "the child died").await.unwrap(),
                _ => LeaseState::Held,
            };
            assert!(state.is_held());
            house.wait_ms(LEASE_MS / 2);
        }
        if ending.starts_with("cancel") {
            house.store.cancel(&job).await.unwrap();
        }
        house.store.reap().await.unwrap();
        let ended = house.get(&job).await;
        assert!(ended.status.is_terminal(), "{ending}: {}", ended.status);
        assert_eq!(ended.input, json!({"train": {"hf_token": "***", "hf_model": "x/y"}}), "{ending}");
        // Nor in the file, once the log is folded into it: freed pages are overwritten.
        house.store.close().await;
        let bytes = std::fs::read(house.dir.path().join("jobs.db")).unwrap();
        assert!(!bytes.windows(6).any(|window| window == b"sesame"), "{ending}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let house = House::new().await;
    house.submit("a").await;
    for entry in std::fs::read_dir(house.dir.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
    }
}
