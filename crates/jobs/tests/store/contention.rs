//! Many workers at one queue, some of which vanish and finish late.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use jobs::{JobStore, Lease};
use protocol::{JobId, JobOutput, JobStatus};

use crate::house::{House, LEASE_MS};
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
        let Some(claim) = store.claim(&format!("w{worker}"), LEASE_MS).await.unwrap() else {
            if store.counts().await.unwrap().in_progress == 0 {
                return account;
            }
            tokio::task::yield_now().await;
            continue;
        };
        if random.below(9) == 0 {
            account.abandoned.push(claim.lease);
        } else if store.complete(&claim.lease, &JobOutput::default()).await.unwrap().is_held() {
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
    // Time passes in leaps of a lease: whatever is abandoned, and some of what is not, is lost to its worker.
    let reaper = tokio::spawn({
        let (store, clock) = (house.store.clone(), house.clock.clone());
        async move {
            loop {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                clock.fetch_add(LEASE_MS + 1, Ordering::SeqCst);
                store.reap().await.unwrap();
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
    let counts = house.store.counts().await.unwrap();
    assert_eq!((counts.completed, counts.deliveries), (JOBS as i64, JOBS as i64));
    assert!(counts.retried >= abandoned.len() as i64);
    assert_eq!(house.store.list(Some(JobStatus::Completed), 1_000, 0).await.unwrap().len(), JOBS);
}
