//! The ring of events.

use jobs::EVENTS_KEPT;
use protocol::JobStatus;
use serde_json::{Value, json};

use crate::house::{House, id};

fn step(step: i64) -> Value {
    json!({"event": "step", "stage": "unet", "step": step, "total": 600, "loss": 0.125})
}

#[tokio::test]
async fn events_are_numbered_from_one_and_the_newest_is_the_progress() {
    let house = House::new().await;
    let job = house.submit("a").await;
    let claim = house.claim("w").await;
    for n in 1..=3 {
        assert!(house.record(&claim.lease, &step(n)).await.is_held());
    }
    assert_eq!(house.store.events(&job, 0).await.unwrap(), [(1, step(1)), (2, step(2)), (3, step(3))]);
    assert_eq!(house.store.events(&job, 2).await.unwrap(), [(3, step(3))]);
    assert_eq!(house.store.events(&job, 3).await.unwrap(), []);
    assert_eq!(house.get(&job).await.progress, Some(step(3)));
    assert_eq!(house.store.events(&id("nothing"), 0).await.unwrap(), []);
}

#[tokio::test]
async fn the_ring_keeps_the_newest_and_their_numbers() {
    let house = House::new().await;
    let job = house.submit("a").await;
    let claim = house.claim("w").await;
    for n in 1..=EVENTS_KEPT + 5 {
        assert!(house.record(&claim.lease, &step(n)).await.is_held());
    }
    let events = house.store.events(&job, 0).await.unwrap();
    assert_eq!(events.len(), EVENTS_KEPT as usize);
    assert_eq!(events.first(), Some(&(6, step(6))));
    assert_eq!(events.last(), Some(&(EVENTS_KEPT + 5, step(EVENTS_KEPT + 5))));
}

#[tokio::test]
async fn numbers_go_on_over_attempts_and_restarts() {
    let mut house = House::new().await;
    let job = house.submit("a").await;
    let first = house.claim("w").await;
    assert!(house.record(&first.lease, &step(1)).await.is_held());
    house.lose_leases().await;
    house.reopen().await;
    let second = house.claim("w").await;
    assert_eq!(second.job.progress, None);
    assert!(house.record(&second.lease, &step(1)).await.is_held());
    let numbers: Vec<i64> = house.store.events(&job, 0).await.unwrap().iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [1, 2, 3]);
}

#[tokio::test]
async fn taken_events_are_given_once_and_come_with_the_state() {
    let house = House::new().await;
    let job = house.submit("a").await;
    let taken = house.store.take_events(&job).await.unwrap().unwrap();
    assert_eq!((taken.status, taken.events), (JobStatus::InQueue, Vec::new()));
    let claim = house.claim("w").await;
    for n in 1..=2 {
        assert!(house.record(&claim.lease, &step(n)).await.is_held());
    }
    assert_eq!(house.store.take_events(&job).await.unwrap().unwrap().events, [step(1), step(2)]);
    assert!(house.record(&claim.lease, &step(3)).await.is_held());
    assert!(house.complete(&claim.lease).await.is_held());
    let taken = house.store.take_events(&job).await.unwrap().unwrap();
    assert_eq!((taken.status, taken.events), (JobStatus::Completed, vec![step(3)]));
    let taken = house.store.take_events(&job).await.unwrap().unwrap();
    assert_eq!((taken.status, taken.events), (JobStatus::Completed, Vec::new()));
    assert_eq!(house.store.take_events(&id("nothing")).await.unwrap(), None);
    assert_eq!(house.store.events(&job, 0).await.unwrap().len(), 3, "taking removes nothing from the ring");
}
