//! Work is never thrown away: what a silent store, a broken artifact store and a dying worker cost.

use std::time::Duration;

use protocol::{Blame, FailureCode, JobStatus};

use crate::site::{PAINTER, Site, first_picture};

#[tokio::test]
async fn a_job_is_done_and_its_output_names_its_files_by_key() {
    let site = Site::new().await;
    let job = site.submit().await;
    let working = site.work(PAINTER);
    let done = site.until_status(&job, JobStatus::Completed).await;
    let picture = first_picture(&done);
    assert_eq!(picture.as_str(), format!("{job}/1/0-0.png"));
    assert!(site.has_artifact(&picture).await);
    assert_eq!(done.attempts, 1);
    working.stop().await;
    assert_eq!(site.log(), ["start", "run", "end"]);
    assert_eq!(site.counts().await.workers_idle, 0, "it has taken its leave");
}

#[tokio::test]
async fn progress_that_cannot_be_written_costs_nothing() {
    let site = Site::new().await;
    site.sql("ALTER TABLE events RENAME TO events_away").await;
    let job = site.submit().await;
    let working = site.work(PAINTER);
    let done = site.until_status(&job, JobStatus::Completed).await;
    assert_eq!(done.attempts, 1);
    assert_eq!(site.heard("run"), 1);
    working.stop().await;
}

#[tokio::test]
async fn an_ending_is_written_again_until_the_store_takes_it() {
    let site = Site::new().await;
    let script = r#"job() { note running; until_there "$SITE/go"; echo picture > "$1/0-0.png"; done_with 0-0.png; }; ready; serve"#;
    let job = site.submit().await;
    let working = site.work(script);
    site.until_true("the child works", || site.heard("running") == 1).await;
    // Claims, heartbeats and the job itself are there, but nothing can be written down.
    site.sql("ALTER TABLE job_bodies RENAME TO job_bodies_away").await;
    site.touch("go");
    let done = site.job_dir(&job).join("done.json");
    site.until_true("the child is done", || done.exists()).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(site.store.status(&job).await.unwrap(), Some(JobStatus::InProgress), "the lease is kept meanwhile");
    site.sql("ALTER TABLE job_bodies_away RENAME TO job_bodies").await;
    let done = site.until_status(&job, JobStatus::Completed).await;
    assert_eq!((done.attempts, site.heard("run")), (1, 1));
    working.stop().await;
}

#[tokio::test]
async fn a_locked_store_is_waited_for() {
    let site = Site::new().await;
    let script = r#"job() { note running; until_there "$SITE/go"; echo picture > "$1/0-0.png"; done_with 0-0.png; }; ready; serve"#;
    let job = site.submit().await;
    let working = site.work(script);
    site.until_true("the child works", || site.heard("running") == 1).await;
    let lock = tokio::spawn({
        let url = format!("sqlite://{}", site.path("jobs.db").display());
        async move {
            let mut connection = <sqlx::AnyConnection as sqlx::Connection>::connect(&url).await.unwrap();
            sqlx::raw_sql("PRAGMA busy_timeout = 10000; BEGIN IMMEDIATE").execute(&mut connection).await.unwrap();
            tokio::time::sleep(Duration::from_secs(2)).await;
            sqlx::raw_sql("ROLLBACK").execute(&mut connection).await.unwrap();
        }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    site.touch("go");
    let done = site.until_status(&job, JobStatus::Completed).await;
    assert_eq!((done.attempts, site.heard("run")), (1, 1));
    lock.await.unwrap();
    working.stop().await;
}

#[tokio::test]
async fn what_could_not_be_stored_is_stored_by_the_next_attempt_without_being_made_again() {
    let site = Site::new().await;
    site.break_artifacts();
    let job = site.submit().await;
    let working = site.work(PAINTER);
    site.until_true("the child is done", || site.job_dir(&job).join("done.json").exists()).await;
    let waiting = site.until_status(&job, JobStatus::InQueue).await;
    assert_eq!(waiting.attempts, 0, "the machine's fault costs no attempt");
    site.restore_artifacts();
    let done = site.until_status(&job, JobStatus::Completed).await;
    assert!(site.has_artifact(&first_picture(&done)).await);
    assert_eq!(site.heard("run"), 1, "the picture was drawn once");
    working.stop().await;
}

#[tokio::test]
async fn what_a_former_life_made_is_stored_by_the_next() {
    let site = Site::new().await;
    site.break_artifacts();
    let job = site.submit().await;
    let working = site.work(PAINTER);
    site.until_true("the child is done", || site.job_dir(&job).join("done.json").exists()).await;
    working.crash().await;
    site.restore_artifacts();
    let working = site.work(PAINTER);
    let done = site.until_status(&job, JobStatus::Completed).await;
    assert!(site.has_artifact(&first_picture(&done)).await);
    assert_eq!(site.heard("run"), 1);
    working.stop().await;
}

#[tokio::test]
async fn the_owners_fault_ends_the_job_with_its_code_and_the_child_stays() {
    let site = Site::new().await;
    let script = r#"job() { say '{"message":"failed","content":{"code":"data_unusable_image","blame":"owner","sentence":"'"$1"'/0-0.png is too large"}}'; }; ready; serve"#;
    let jobs = [site.submit().await, site.submit().await];
    let working = site.work(script);
    for job in &jobs {
        let failed = site.until_status(job, JobStatus::Failed).await;
        let failure = failed.failure.unwrap();
        assert_eq!((failure.code, failure.blame), (FailureCode::DataUnusableImage, Blame::Owner));
        assert_eq!(failure.sentence, "out/0-0.png is too large", "this machine's folders are not told");
        assert_eq!(failed.attempts, 1);
    }
    working.stop().await;
    assert_eq!(site.log(), ["start", "run", "run", "end"]);
}

#[tokio::test]
async fn a_model_that_was_trained_is_kept_when_a_picture_fails() {
    let site = Site::new().await;
    let script = r#"
        model() { echo "$2" > "$1/$2"; say '{"message":"file","content":{"file":"'"$2"'","kind":"'"$3"'"}}'; }
        job() {
            model "$1" m.safetensors model; model "$1" m.ckpt model
            model "$1" train.html report; model "$1" train.json report
            say '{"message":"failed","content":{"code":"picture_not_finite","blame":"owner","sentence":"no picture"}}'
        }
        ready; serve"#;
    let job = site.submit().await;
    let working = site.work(script);
    let failed = site.until_status(&job, JobStatus::Failed).await;
    let output = failed.output.unwrap();
    assert_eq!(output["train"]["checkpoint_url"]["artifact"], format!("{job}/1/m.ckpt"));
    for key in protocol::artifact::artifacts_in(&output) {
        assert!(site.has_artifact(&key).await, "{}", key.as_str());
    }
    working.stop().await;
}

#[tokio::test]
async fn a_child_that_dies_at_every_attempt_fails_the_job_after_the_last() {
    let site = Site::new().await;
    let job = site.submit().await;
    let working = site.work("job() { kill -9 $$; }; ready; serve");
    let failed = site.until_status(&job, JobStatus::Failed).await;
    assert_eq!((failed.attempts, site.heard("run")), (3, 3));
    let sentence = failed.failure.unwrap().sentence;
    assert!(sentence.contains("was killed (signal 9)"), "{sentence}");
    working.stop().await;
}

#[tokio::test]
async fn an_execution_timeout_is_kept_by_the_worker_alone() {
    let site = Site::new().await;
    let script = r#"job() { note running; }; ready; serve"#;
    let slow = site.submit_as(serde_json::json!({"inference": [{"prompt": "a dog"}]}), Some(300)).await;
    let working = site.work(script);
    // Nobody runs a reaper here.
    let failed = site.until_status(&slow, JobStatus::Failed).await;
    let failure = failed.failure.unwrap();
    assert_eq!(failure.code, FailureCode::ExecutionTimeout);
    assert_eq!(failure.sentence, "executionTimeout exceeded");
    assert_eq!(failed.attempts, 1);
    working.stop().await;
    assert_eq!(site.log(), ["start", "run", "running", "cancel", "end"], "the child was told, and stayed");
}
