//! Leaving a job: cancelled by its owner, lost to another, or because the worker is to stop.

use std::time::{Duration, Instant};

use jobs::LeaseState;
use protocol::{ArtifactKey, JobStatus};
use serde_json::json;
use tokio::net::TcpListener;

use crate::site::{SLEEPER, Site, first_picture};

#[tokio::test]
async fn a_cancelled_jobs_child_is_told_answers_and_stays_warm_and_files_and_folder_go() {
    let site = Site::new().await;
    let script = r#"job() {
        echo picture > "$1/0-0.png"; image 0-0.png
        if test -e "$SITE/second"; then done_with 0-0.png; fi
    }; ready; serve"#;
    let cancelled = site.submit().await;
    let working = site.work(script);
    let is_file = |record: &protocol::JobRecord| record.progress.as_ref().is_some_and(|event| event["event"] == "file");
    site.until(&cancelled, is_file).await;
    let key = ArtifactKey::new(&cancelled, 1, "0-0.png").unwrap();
    assert!(site.has_artifact(&key).await);
    site.store.cancel(&cancelled).await.unwrap();
    site.touch("second");
    site.until_true("the child is told", || site.heard("cancel") == 1).await;
    site.until_true("the folder goes", || !site.job_dir(&cancelled).exists()).await;
    assert!(!site.has_artifact(&key).await);

    let next = site.submit().await;
    let done = site.until_status(&next, JobStatus::Completed).await;
    assert!(site.has_artifact(&first_picture(&done)).await);
    assert_eq!(site.get(&cancelled).await.status, JobStatus::Cancelled);
    working.stop().await;
    assert_eq!(site.log(), ["start", "run", "cancel", "run", "end"], "one child did both");
}

#[tokio::test]
async fn a_cancelled_jobs_child_that_does_not_answer_is_killed() {
    let site = Site::new().await;
    let script = r#"job() { note "$$"; while true; do sleep 0.05; done; }; ready; serve"#;
    let job = site.submit().await;
    let mut config = site.config(script);
    config.timing.grace = Duration::from_millis(300);
    let working = site.work_as(config);
    site.until_true("the child works", || site.log().len() == 3).await;
    let pid = site.log().pop().unwrap();
    site.store.cancel(&job).await.unwrap();
    site.until_true("the process goes", || !std::path::Path::new("/proc").join(&pid).exists()).await;
    working.stop().await;
}

#[tokio::test]
async fn a_worker_that_lost_its_lease_leaves_the_job_and_its_files_to_others() {
    let site = Site::new().await;
    let job = site.submit().await;
    let working = site.work(SLEEPER);
    site.until_true("the child works", || site.heard("run") == 1).await;
    let lease = jobs::Lease { job: job.clone(), number: 1 };
    let cause = protocol::Failure::new(protocol::FailureCode::WorkerLost, "given up for lost");
    assert_eq!(site.store.release(&lease, &cause).await.unwrap(), LeaseState::Held);
    site.until_true("the child is told", || site.heard("cancel") == 1).await;
    site.until_true("the job is taken again", || site.heard("run") == 2).await;
    assert!(site.job_dir(&job).exists());
    assert_eq!(site.get(&job).await.attempts, 2);
    working.stop().await;
}

#[tokio::test]
async fn a_stopping_worker_hands_its_job_back_uncharged_and_ends_its_child_in_good_order() {
    let site = Site::new().await;
    let job = site.submit().await;
    let working = site.work(SLEEPER);
    site.until_true("the child works", || site.heard("run") == 1).await;
    working.stop().await;
    assert_eq!(site.log(), ["start", "run", "finish_soon", "end"]);
    let waiting = site.get(&job).await;
    assert_eq!((waiting.status, waiting.attempts), (JobStatus::InQueue, 0));
    assert!(site.job_dir(&job).exists(), "the next life goes on from it");
}

#[tokio::test]
async fn a_job_that_is_finished_while_the_worker_stops_is_stored() {
    let site = Site::new().await;
    let script = r#"
        while :; do break; done
        job() { out=$1; note working; }
        ready
        while read -r line; do
          case "$line" in
            *'"command":"run"'*) note run; out=$(printf '%s' "$line" | sed 's/.*"out_dir":"\([^"]*\)".*/\1/') ;;
            *finish_soon*) echo picture > "$out/0-0.png"; done_with 0-0.png ;;
            *'"command":"end"'*) exit 0 ;;
          esac
        done"#;
    let job = site.submit().await;
    let working = site.work(script);
    site.until_true("the child works", || site.heard("run") == 1).await;
    working.stop().await;
    assert_eq!(site.get(&job).await.status, JobStatus::Completed);
}

#[tokio::test]
async fn a_worker_stops_at_once_while_a_download_hangs() {
    let site = Site::new().await;
    // Takes connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/photos.zip", silent.local_addr().unwrap());
    let job = site.submit_as(json!({"train": {"data_url": url}}), None).await;
    let working = site.work(SLEEPER);
    let (_connection, _) = silent.accept().await.unwrap();
    let began = Instant::now();
    working.stop().await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let waiting = site.get(&job).await;
    assert_eq!((waiting.status, waiting.attempts), (JobStatus::InQueue, 0));
    assert_eq!(site.heard("run"), 0);
}

#[tokio::test]
async fn what_a_request_points_at_is_the_owners_business() {
    let site = Site::new().await;
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/photos.zip?token=secret", gone.local_addr().unwrap());
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        while let Ok((mut connection, _)) = gone.accept().await {
            drop(
                connection.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await,
            );
        }
    });
    let job = site.submit_as(json!({"train": {"data_url": url}}), None).await;
    let working = site.work(SLEEPER);
    let failed = site.until_status(&job, JobStatus::Failed).await;
    let failure = failed.failure.unwrap();
    assert_eq!(failure.code, protocol::FailureCode::DataUnreachable);
    assert!(failure.sentence.contains("HTTP status 404") && !failure.sentence.contains("secret"), "{failure}");
    assert_eq!(failed.attempts, 1);
    working.stop().await;
}
