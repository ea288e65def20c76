//! A request that is sent twice under one key is one job.

use jobs::{IDEMPOTENCY_MS, Idempotency, NewJob, StoreError, Submission};
use protocol::JobStatus;

use crate::house::{House, id, new_job, stored};

fn keyed(name: &str, key: &str, body: &str) -> NewJob {
    let mut job = new_job(name);
    job.owner = Some("key-1".into());
    job.idempotency = Some(Idempotency { key: key.into(), body_sha256: body.into() });
    job
}

#[tokio::test]
async fn the_same_key_and_body_give_the_earlier_job_whatever_became_of_it() {
    let house = House::new().await;
    let first = stored(house.store.submit(keyed("a", "k", "body"), None).await.unwrap());
    assert_eq!(house.store.submit(keyed("b", "k", "body"), None).await.unwrap(), Submission::Earlier(first));
    assert!(house.complete(&house.claim("w").await.lease).await.is_held());
    house.wait_ms(IDEMPOTENCY_MS - 1);
    let again = house.store.submit(keyed("c", "k", "body"), None).await.unwrap();
    let Submission::Earlier(earlier) = again else { panic!("{again:?}") };
    assert_eq!((earlier.id, earlier.status), (id("a"), JobStatus::Completed));
    assert_eq!((house.counts().await.in_queue, house.store.get(&id("b")).await.unwrap()), (0, None));
}

#[tokio::test]
async fn the_same_key_with_another_body_is_a_conflict_and_stores_nothing() {
    let house = House::new().await;
    stored(house.store.submit(keyed("a", "k", "body"), None).await.unwrap());
    assert_eq!(house.store.submit(keyed("b", "k", "other"), None).await.unwrap(), Submission::Conflict);
    assert_eq!((house.counts().await.in_queue, house.store.get(&id("b")).await.unwrap()), (1, None));
}

#[tokio::test]
async fn a_key_counts_within_its_owner_and_endpoint() {
    let house = House::new().await;
    stored(house.store.submit(keyed("a", "k", "body"), None).await.unwrap());
    let mut anothers = keyed("b", "k", "other");
    anothers.owner = Some("key-2".into());
    stored(house.store.submit(anothers, None).await.unwrap());
    let mut nobodys = keyed("c", "k", "other");
    nobodys.owner = None;
    stored(house.store.submit(nobodys, None).await.unwrap());
    let mut elsewhere = keyed("d", "k", "other");
    elsewhere.endpoint = "other".into();
    stored(house.store.submit(elsewhere, None).await.unwrap());
}

#[tokio::test]
async fn a_key_is_free_again_after_a_day_or_when_its_job_is_forgotten() {
    let house = House::new().await;
    stored(house.store.submit(keyed("a", "k", "body"), None).await.unwrap());
    house.wait_ms(IDEMPOTENCY_MS);
    stored(house.store.submit(keyed("b", "k", "other"), None).await.unwrap());
    assert_eq!(house.store.submit(keyed("c", "k", "body"), None).await.unwrap(), Submission::Conflict);
    house.store.cancel(&id("b")).await.unwrap();
    assert!(house.store.forget_job(&id("b")).await.unwrap());
    stored(house.store.submit(keyed("c", "k", "body"), None).await.unwrap());
}

#[tokio::test]
async fn an_earlier_job_is_named_also_when_the_queue_is_full() {
    let house = House::new().await;
    stored(house.store.submit(keyed("a", "k", "body"), Some(1)).await.unwrap());
    let again = house.store.submit(keyed("b", "k", "body"), Some(1)).await.unwrap();
    assert!(matches!(again, Submission::Earlier(_)), "{again:?}");
    let new = house.store.submit(keyed("b", "other", "body"), Some(1)).await;
    assert!(matches!(new, Err(StoreError::QueueFull { .. })), "{new:?}");
    house.claim("w").await;
    stored(house.store.submit(keyed("b", "other", "body"), Some(1)).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_at_once_exactly_one_is_stored() {
    let house = House::new().await;
    let submit = |n: usize| {
        let store = house.store.clone();
        tokio::spawn(async move { store.submit(keyed(&format!("job-{n}"), "k", "body"), None).await.unwrap() })
    };
    let mut ids = Vec::new();
    let mut stored = 0;
    for task in (0..12).map(submit).collect::<Vec<_>>() {
        match task.await.unwrap() {
            Submission::Stored(job) => {
                stored += 1;
                ids.push(job.id);
            }
            Submission::Earlier(job) => ids.push(job.id),
            Submission::Conflict => panic!("the bodies are the same"),
        }
    }
    ids.dedup();
    assert_eq!((stored, ids.len(), house.counts().await.in_queue), (1, 1, 1));
}
