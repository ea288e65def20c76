//! The folders of jobs: private, kept between attempts, gone at the end.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use protocol::JobStatus;

use crate::site::{PAINTER, SLEEPER, Site};

#[tokio::test]
async fn a_jobs_folder_is_private_and_goes_when_the_job_has_ended() {
    let site = Site::new().await;
    let job = site.submit().await;
    let working =
        site.work(r#"job() { until_there "$SITE/go"; echo picture > "$1/0-0.png"; done_with 0-0.png; }; ready; serve"#);
    let out = site.job_dir(&job).join("out");
    site.until_true("the child works", || out.is_dir() && site.heard("run") == 1).await;
    for folder in [site.path("work"), site.job_dir(&job), out] {
        let mode = fs::metadata(&folder).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{}", folder.display());
    }
    site.touch("go");
    site.until_status(&job, JobStatus::Completed).await;
    site.until_true("the folder goes", || !site.job_dir(&job).exists()).await;
    working.stop().await;
}

#[tokio::test]
async fn what_no_living_job_owns_is_swept_at_the_start() {
    let site = Site::new().await;
    let waiting = site.submit().await;
    let ended = site.submit().await;
    site.store.cancel(&ended).await.unwrap();
    let entries = [waiting.as_str(), ended.as_str(), "job-of-long-ago", ".unzip-left"];
    for entry in entries {
        fs::create_dir_all(site.path("work").join(entry).join("out")).unwrap();
    }
    fs::write(site.job_dir(&waiting).join("out").join(".half.part"), "half a model").unwrap();
    let working = site.work(SLEEPER);
    site.until_status(&waiting, JobStatus::InProgress).await;
    let left: Vec<_> = fs::read_dir(site.path("work")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, [waiting.as_str()]);
    let out = site.job_dir(&waiting).join("out");
    site.until_true("half files go", || fs::read_dir(&out).unwrap().count() == 0).await;
    working.stop().await;
}

#[tokio::test]
async fn the_folder_outlives_an_attempt_that_was_lost() {
    let site = Site::new().await;
    let script = r#"job() {
        if test -e "$1/kept"; then echo picture > "$1/0-0.png"; done_with 0-0.png; else touch "$1/kept"; kill -9 $$; fi
    }; ready; serve"#;
    let job = site.submit().await;
    let working = site.work(script);
    let done = site.until_status(&job, JobStatus::Completed).await;
    assert_eq!((done.attempts, site.heard("run")), (2, 2), "the second attempt went on from the first");
    working.stop().await;
}

#[tokio::test]
async fn workers_of_other_names_keep_apart() {
    let site = Site::new().await;
    let jobs = [site.submit().await, site.submit().await];
    let (mut first, mut second) = (site.config(PAINTER), site.config(PAINTER));
    first.work_dir = site.path("work").join("a");
    second.work_dir = site.path("work").join("b");
    second.worker = jobs::WorkerIdentity::random("local-1").unwrap();
    let working = [site.work_as(first), site.work_as(second)];
    for job in &jobs {
        site.until_status(job, JobStatus::Completed).await;
    }
    for working in working {
        working.stop().await;
    }
}
