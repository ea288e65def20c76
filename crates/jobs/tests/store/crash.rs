//! What was acknowledged is there after `kill -9`: a real child process, killed in the middle of its work.
//!
//! The child is this test binary, running the one test below that does nothing otherwise.

use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use jobs::{Clock, JobStore, WorkerIdentity};
use protocol::JobStatus;
use serde_json::json;

use crate::house::{ENDPOINT, id, life, master_key, new_job, stored};

const STORE_PATH: &str = "JOBS_TEST_STORE";

/// Submits and completes jobs for ever and says on standard output what the store has acknowledged.
#[tokio::test]
#[allow(clippy::print_stdout, reason = "the way the child talks to the test")]
async fn child_that_works_until_it_is_killed() {
    let Ok(path) = std::env::var(STORE_PATH) else { return };
    let store = JobStore::open(Path::new(&path), Clock::Database, master_key()).await.unwrap();
    let round = std::process::id();
    for n in 0.. {
        let mut job = new_job(&format!("job-{round}-{n}"));
        job.webhook = Some("https://example.org".into());
        let job = stored(store.submit(job, None).await.unwrap()).id;
        println!("submitted {job}");
        if n % 2 == 0 {
            let claim = store.claim(&life("child"), ENDPOINT).await.unwrap().unwrap();
            let state = store.complete(&claim.lease, &json!({})).await.unwrap();
            assert!(state.is_held());
            println!("completed {}", claim.job.id);
        }
    }
}

/// Runs the child, kills it after `acknowledgements` lines, and gives the lines.
fn lines_until_killed(path: &Path, acknowledgements: usize) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "crash::child_that_works_until_it_is_killed"])
        .env(STORE_PATH, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let is_report = |line: &String| line.starts_with("submitted ") || line.starts_with("completed ");
    let mut reports: Vec<String> = lines.by_ref().filter(is_report).take(acknowledgements).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    // What it said between the last line read and its death is acknowledged as well. A last line without its end is
    // cut off in the middle of the id.
    reports.extend(lines.filter(is_report));
    assert!(reports.len() >= acknowledgements);
    reports
}

#[tokio::test]
async fn what_was_acknowledged_before_a_kill_is_there_after_it() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("jobs.db");
    let mut submitted = HashSet::new();
    let mut completed = HashSet::new();
    for kill in 0..6 {
        for line in lines_until_killed(&path, 5 + 7 * kill) {
            match line.split_once(' ').unwrap() {
                ("submitted", job) => submitted.insert(id(job)),
                (_, job) => completed.insert(id(job)),
            };
        }
        let store = JobStore::open(&path, Clock::Database, master_key()).await.unwrap();
        for job in &submitted {
            assert!(store.get(job).await.unwrap().is_some(), "{job} was acknowledged and is lost");
        }
        for job in &completed {
            let record = store.get(job).await.unwrap().unwrap();
            assert_eq!(record.status, JobStatus::Completed, "{job}");
        }
        let counts = store.counts(ENDPOINT).await.unwrap();
        assert_eq!(counts.completed, counts.deliveries, "each end has its outbox row, also one at the kill itself");
        let waiting = store.list(ENDPOINT, Some(JobStatus::InQueue), 10_000, 0).await.unwrap().len();
        assert_eq!(counts.in_queue, waiting as i64, "and its counters");
        store.release_worker(&WorkerIdentity::new("child", 2).unwrap()).await.unwrap();
        assert_eq!(store.counts(ENDPOINT).await.unwrap().in_progress, 0);
        store.close().await;
    }
    assert!(submitted.len() > 40 && completed.len() > 20, "{} and {}", submitted.len(), completed.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_new_file_may_be_opened_by_many_at_once() {
    for _ in 0..3 {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("jobs.db");
        let open = |n: usize| {
            let path = path.clone();
            tokio::spawn(async move {
                let store = JobStore::open(&path, Clock::Database, master_key()).await.unwrap();
                store.submit(new_job(&format!("job-{n}")), None).await.unwrap();
            })
        };
        for task in (0..6).map(open).collect::<Vec<_>>() {
            task.await.unwrap();
        }
        let store = JobStore::open(&path, Clock::Database, master_key()).await.unwrap();
        assert_eq!(store.counts(ENDPOINT).await.unwrap().in_queue, 6);
    }
}
