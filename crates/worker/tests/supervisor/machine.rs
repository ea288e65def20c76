//! A machine that cannot work leaves the queue alone.

use std::fs;
use std::time::Duration;

use protocol::{FailureCode, JobStatus};

use crate::site::{PAINTER, Site};

#[tokio::test]
async fn a_child_that_is_unable_drains_no_queue_and_the_worker_says_that_it_is_unhealthy() {
    let site = Site::new().await;
    let jobs = [site.submit().await, site.submit().await, site.submit().await];
    let script = format!(
        r#"if ! test -e "$SITE/gpu"; then note unable
        say '{{"message":"unable","content":{{"code":"device_unavailable","blame":"machine","sentence":"no GPU"}}}}'; exit 0; fi
        {PAINTER}"#
    );
    let working = site.work(&script);
    site.until_true("it is tried again", || site.heard("unable") >= 4).await;
    for job in &jobs {
        let waiting = site.get(job).await;
        assert_eq!((waiting.status, waiting.attempts), (JobStatus::InQueue, 0));
        assert!(waiting.worker.is_none(), "it was never claimed");
    }
    assert_eq!(site.counts().await.workers_unhealthy, 1);
    site.touch("gpu");
    for job in &jobs {
        assert_eq!(site.until_status(job, JobStatus::Completed).await.attempts, 1);
    }
    working.stop().await;
}

#[tokio::test]
async fn a_child_that_never_says_that_it_is_ready_is_started_again() {
    let site = Site::new().await;
    let job = site.submit().await;
    let script = format!(r#"if ! test -e "$SITE/well"; then note silent; sleep 60; fi; {PAINTER}"#);
    let mut config = site.config(&script);
    config.timing.child_start = Duration::from_millis(200);
    let working = site.work_as(config);
    site.until_true("it is tried again", || site.heard("silent") >= 2).await;
    assert_eq!(site.get(&job).await.attempts, 0);
    site.touch("well");
    assert_eq!(site.until_status(&job, JobStatus::Completed).await.attempts, 1);
    working.stop().await;
}

#[tokio::test]
async fn a_child_that_died_while_it_was_idle_costs_no_attempt() {
    let site = Site::new().await;
    // The first one is ready and dies.
    let script = format!(r#"if ! test -e "$SITE/once"; then touch "$SITE/once"; ready; exit 3; fi; {PAINTER}"#);
    let working = site.work(&script);
    site.until_true("another is started", || site.heard("start") == 2).await;
    let job = site.submit().await;
    let done = site.until_status(&job, JobStatus::Completed).await;
    assert_eq!((done.attempts, site.heard("run")), (1, 1));
    working.stop().await;
}

#[tokio::test]
async fn a_child_that_died_between_two_jobs_costs_no_attempt() {
    let site = Site::new().await;
    let script = r#"job() { echo picture > "$1/0-0.png"; done_with 0-0.png; exit 3; }; ready; serve"#;
    let jobs = [site.submit().await, site.submit().await, site.submit().await];
    let working = site.work(script);
    for job in &jobs {
        assert_eq!(site.until_status(job, JobStatus::Completed).await.attempts, 1);
    }
    working.stop().await;
    assert_eq!(site.heard("run"), 3);
}

#[tokio::test]
async fn a_disk_that_takes_no_folder_gives_the_job_back_uncharged_and_with_pauses() {
    let site = Site::new().await;
    let job = site.submit().await;
    // A file is where the folder of jobs should be.
    fs::write(site.path("work"), "").unwrap();
    let working = site.work(PAINTER);
    let warned = |record: &protocol::JobRecord| record.status == JobStatus::InQueue && record.attempts == 0;
    tokio::time::sleep(Duration::from_millis(500)).await;
    site.until(&job, warned).await;
    let events = site.store.events(&job, 0).await.unwrap();
    let reasons = events.iter().filter(|(_, event)| event["event"] == "warning").count();
    assert!((1..=12).contains(&reasons), "{reasons} claims in half a second: no loop without pauses");
    assert_eq!(site.heard("run"), 0);
    fs::remove_file(site.path("work")).unwrap();
    assert_eq!(site.until_status(&job, JobStatus::Completed).await.attempts, 1);
    working.stop().await;
}

#[tokio::test]
async fn after_a_lack_of_memory_a_fresh_child_does_the_next_job() {
    let site = Site::new().await;
    let script = r#"
        job() {
          if test -e "$SITE/tried"; then echo picture > "$1/0-0.png"; done_with 0-0.png; return; fi
          touch "$SITE/tried"
          say '{"message":"failed","content":{"code":"out_of_memory","blame":"owner","sentence":"Lower the resolution."}}'
        }
        ready; serve"#;
    let (large, small) = (site.submit().await, site.submit().await);
    let working = site.work(script);
    let failed = site.until_status(&large, JobStatus::Failed).await;
    assert_eq!(failed.failure.unwrap().code, FailureCode::OutOfMemory);
    site.until_status(&small, JobStatus::Completed).await;
    working.stop().await;
    assert_eq!(site.log(), ["start", "run", "end", "start", "run", "end"]);
}
