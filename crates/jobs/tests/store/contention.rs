//! Many workers at one queue, some of which vanish and finish late.

use std::collections::HashMap;
use std::time::Duration;

use jobs::reaper::{LEASE, PERIOD};
use jobs::{JobStore, Lease, Reaper};
use protocol::{JobId, JobStatus};
use serde_json::json;

use crate::house::{ENDPOINT, House, life};
use crate::model::Random;

const WORKERS: u64 = 8;
const JOBS: usize = 200;

/// What one worker did.
#[derive(Default)]
struct Account {
    completed: Vec<JobId>,
    abandoned: Vec<Lease>,
}

/// Works until nothing is left. About one claim in nine is abandoned, as by a worker that was cut off.
async fn work(store: JobStore, worker: u64) -> Account {
    let mut random = Random::new(worker + 1);
    let mut account = Account::default();
    loop {
        let Some(claim) = store.claim(&life(&format!("w{worker}")), ENDPOINT).await.unwrap() else {
            if store.counts(ENDPOINT).await.unwrap().in_progress == 0 {
                return account;
            }
            tokio::task::yield_now().await;
            continue;
        };
        if random.below(9) == 0 {
            account.abandoned.push(claim.lease);
        } else if store.complete(&claim.lease, &json!({})).await.unwrap().is_held() {
            account.completed.push(claim.job.id);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_workers_complete_each_of_two_hundred_jobs_once_and_no_late_finish_counts() {
    let house = House::new().await;
    for n in 0..JOBS {
        house
            .submit_with(&format!("job-{n}"), |job| {
                job.webhook = Some("https://example.org".into());
                job.max_attempts = 1_000;
            })
            .await;
    }
    let workers: Vec<_> = (0..WORKERS).map(|worker| tokio::spawn(work(house.store.clone(), worker))).collect();
    // The reaper's time runs a thousand times as fast as the workers': whatever is abandoned, and some of what is not, is
    // lost to its worker.
    let reaper = tokio::spawn({
        let store = house.store.clone();
        async move {
            let mut reaper = Reaper::new(PERIOD, LEASE);
            for round in 0.. {
                tokio::time::sleep(Duration::from_millis(5)).await;
                reaper.round(&store, round * PERIOD).await.unwrap();
            }
        }
    });
    let mut completions: HashMap<JobId, u32> = HashMap::new();
    let mut abandoned = Vec::new();
    for worker in workers {
        let account = worker.await.unwrap();
        for job in account.completed {
            *completions.entry(job).or_default() += 1;
        }
        abandoned.extend(account.abandoned);
    }
    reaper.abort();
    assert!(abandoned.len() > 5, "{}", abandoned.len());
    for lease in &abandoned {
        assert!(!house.complete(lease).await.is_held(), "a late finish was accepted: {lease:?}");
    }
    assert_eq!(completions.len(), JOBS);
    assert!(completions.values().all(|times| *times == 1));
    let counts = house.counts().await;
    assert_eq!((counts.completed, counts.deliveries), (JOBS as i64, JOBS as i64));
    assert_eq!((counts.in_queue, counts.in_progress), (0, 0));
    assert!(counts.retried >= abandoned.len() as i64);
    assert_eq!(house.store.list(ENDPOINT, Some(JobStatus::Completed), 1_000, 0).await.unwrap().len(), JOBS);
}
