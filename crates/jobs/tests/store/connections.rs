//! Connections: how each is set up, and that a heartbeat never waits for those of others.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::Duration;

use jobs::{JobStore, Pragmas};

use crate::house::House;

type Held = Pin<Box<dyn Future<Output = ()>>>;

/// Takes a connection of the store and keeps it: a question that was asked and whose answer nobody fetches.
fn hold_connection(store: &JobStore) -> Held {
    loop {
        let store = store.clone();
        let mut question: Held = Box::pin(async move { drop(store.now_ms().await) });
        // Some are answered before they can be left alone.
        if question.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            return question;
        }
    }
}

#[tokio::test]
async fn every_pooled_connection_syncs_each_commit() {
    let house = House::new().await;
    let expected =
        Pragmas { journal_mode: "wal".into(), synchronous: 2, busy_timeout: 30_000, foreign_keys: 1, secure_delete: 1 };
    assert_eq!(house.store.pragmas().await.unwrap(), vec![expected.clone(); 4]);
    let separate = house.store.separate(2).await.unwrap();
    assert_eq!(separate.pragmas().await.unwrap(), vec![expected; 2]);
}

#[tokio::test]
async fn a_heartbeat_of_its_own_connection_does_not_starve_behind_the_pool() {
    let house = House::new().await;
    house.submit("a").await;
    let claim = house.claim("w").await;
    let heartbeats = house.store.separate(1).await.unwrap();
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(hold_connection(&house.store));
    }
    let shared = tokio::time::timeout(Duration::from_millis(200), house.store.heartbeat(&claim.lease)).await;
    assert!(shared.is_err(), "all connections of the pool are held");
    let own = tokio::time::timeout(Duration::from_secs(5), heartbeats.heartbeat(&claim.lease)).await;
    assert!(own.unwrap().unwrap().is_held());
    drop(held);
}

#[test]
fn a_separate_store_outlives_the_runtime_that_opened_the_first() {
    let first = tokio::runtime::Runtime::new().unwrap();
    let house = first.block_on(House::new());
    first.block_on(house.submit("a"));
    let claim = first.block_on(house.claim("w"));
    let store = house.store.clone();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let second = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let own = second.block_on(store.separate(1)).unwrap();
            drop(first);
            assert!(second.block_on(own.heartbeat(&claim.lease)).unwrap().is_held());
        });
    });
}

#[tokio::test]
async fn a_change_through_a_separate_store_wakes_who_waits_at_the_first() {
    let house = House::new().await;
    house.submit("a").await;
    let claim = house.claim("w").await;
    let changed = house.store.changed();
    let separate = house.store.separate(1).await.unwrap();
    assert!(separate.complete(&claim.lease, &serde_json::json!({})).await.unwrap().is_held());
    tokio::time::timeout(Duration::from_secs(5), changed).await.expect("woken");
}

#[tokio::test]
async fn a_ping_says_whether_the_database_answers() {
    let house = House::new().await;
    house.store.ping().await.unwrap();
    house.store.close().await;
    assert!(house.store.ping().await.is_err());
}
