//! What nobody needs goes: files soon after their job's end, jobs when they were kept long enough.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod site;

use std::path::PathBuf;

use protocol::{Failure, FailureCode, JobId};
use serde_json::json;
use server::{Janitor, Tidied};
use site::{Site, smallest};

const DAY_MS: i64 = 86_400_000;

fn janitor(site: &Site, retention_ms: Option<i64>) -> Janitor {
    Janitor { store: site.state.store.clone(), artifacts: site.state.artifacts.clone(), retention_ms }
}

/// The job's files in the artifact store, as `lease/file`.
fn files(site: &Site, job: &JobId) -> Vec<String> {
    let below = |dir: PathBuf| -> Vec<PathBuf> {
        std::fs::read_dir(dir).map(|entries| entries.map(|entry| entry.unwrap().path()).collect()).unwrap_or_default()
    };
    let dir = site.dir.path().join("artifacts").join(job.as_str());
    let mut files: Vec<String> = below(dir.clone())
        .into_iter()
        .flat_map(below)
        .map(|file| file.strip_prefix(&dir).unwrap().display().to_string())
        .collect();
    files.sort();
    files
}

#[tokio::test]
async fn the_files_of_a_cancelled_job_go_once_its_worker_has_noticed() {
    let site = Site::open().await;
    let id = site.run(&smallest()).await;
    let claim = site.claim().await;
    site.put(&claim, "preview.png", "half").await;
    site.post(&format!("/v2/dream-booth-v1/cancel/{id}"), &json!({})).await;
    let janitor = janitor(&site, Some(7 * DAY_MS));
    assert_eq!(janitor.tidy().await.unwrap(), Tidied::default(), "the worker may still store a file");
    site.put(&claim, "late.png", "half").await;
    site.advance_ms(30_000);
    assert_eq!(janitor.tidy().await.unwrap(), Tidied { swept: 1, forgotten: 0 });
    assert_eq!(files(&site, &id), [""; 0]);
    assert_eq!(janitor.tidy().await.unwrap(), Tidied::default(), "once is enough");
    assert_eq!(site.status("v2", &id).await["status"], "CANCELLED");
}

#[tokio::test]
async fn a_failed_job_keeps_the_files_that_its_partial_output_names_and_no_other() {
    let site = Site::open().await;
    let (with, without) = (site.run(&smallest()).await, site.run(&smallest()).await);
    let failure = Failure::new(FailureCode::PictureNotFinite, "No picture.");
    for named in [true, false] {
        let claim = site.claim().await;
        let model = site.put(&claim, "model.ckpt", "weights").await;
        let partial = json!({ "train": { "checkpoint_url": model } });
        let partial = named.then_some(&partial);
        assert!(site.state.store.fail(&claim.lease, &failure, partial).await.unwrap().is_held());
    }
    site.advance_ms(30_000);
    assert_eq!(janitor(&site, None).tidy().await.unwrap(), Tidied { swept: 2, forgotten: 0 });
    assert_eq!(files(&site, &with), ["1/model.ckpt"]);
    assert_eq!(files(&site, &without), [""; 0]);
}

#[tokio::test]
async fn a_completed_job_keeps_the_files_of_the_attempt_that_completed_it() {
    let site = Site::open().await;
    let id = site.run(&smallest()).await;
    let lost = site.claim().await;
    site.put(&lost, "0-0.png", "of the lost attempt").await;
    let cause = Failure::new(FailureCode::ChildDied, "it died");
    assert!(site.state.store.release(&lost.lease, &cause).await.unwrap().is_held());
    assert_eq!(site.complete_next().await, id);
    site.advance_ms(30_000);
    janitor(&site, None).tidy().await.unwrap();
    assert_eq!(files(&site, &id), ["2/0-0.png", "2/model.ckpt", "2/model.safetensors", "2/train.html", "2/train.json"]);
}

#[tokio::test]
async fn an_ended_job_is_forgotten_with_its_files_after_its_retention_and_a_waiting_one_never() {
    let site = Site::open().await;
    site.run(&smallest()).await;
    let ended = site.complete_next().await;
    let waiting = site.run(&json!({"input": smallest()["input"], "policy": {"ttl": 604_800_000}})).await;
    let week = janitor(&site, Some(7 * DAY_MS));
    site.advance_ms(7 * DAY_MS - 1);
    assert_eq!(week.tidy().await.unwrap(), Tidied { swept: 1, forgotten: 0 });
    site.advance_ms(1);
    assert_eq!(janitor(&site, None).tidy().await.unwrap().forgotten, 0, "kept for ever");
    assert_eq!(week.tidy().await.unwrap().forgotten, 1);
    assert_eq!(files(&site, &ended), [""; 0]);
    assert!(!site.dir.path().join("artifacts").join(ended.as_str()).exists());
    let gone = site.get(&format!("/v2/dream-booth-v1/status/{ended}")).await;
    assert!(gone.error().starts_with("job not found"));
    assert_eq!(site.status("v2", &waiting).await["status"], "IN_QUEUE");
    let health = site.get("/v2/dream-booth-v1/health").await.json();
    assert_eq!(health["jobs"]["completed"], 1, "what was done stays counted");
}

#[tokio::test]
async fn a_file_that_cannot_be_deleted_keeps_its_job_and_holds_up_no_other() {
    let site = Site::open().await;
    site.run(&smallest()).await;
    let ended = site.complete_next().await;
    // In the place of the job's folder something that is none.
    let dir = site.dir.path().join("artifacts").join(ended.as_str());
    std::fs::remove_dir_all(&dir).unwrap();
    std::fs::write(&dir, "no folder").unwrap();
    let other = site.run(&smallest()).await;
    site.post(&format!("/v2/dream-booth-v1/cancel/{other}"), &json!({})).await;
    site.advance_ms(30_000);
    assert_eq!(janitor(&site, None).tidy().await.unwrap().swept, 1);
}
