//! Workers: their identities, and the list of them.

use jobs::{BadWorkerName, Presence, WORKER_SEEN_MS, WorkerIdentity, WorkerState};

use crate::house::{ENDPOINT, House, START_MS, life};

fn presence(worker: &str, state: WorkerState) -> Presence {
    Presence { worker: life(worker), endpoint: ENDPOINT.into(), version: "0.1.0".into(), state, draining: false }
}

#[test]
fn an_identity_is_a_name_and_a_life() {
    let worker = WorkerIdentity::new("gpu-0", 0x1f3a_9c02).unwrap();
    assert_eq!((worker.name(), worker.to_string().as_str()), ("gpu-0", "gpu-0-1f3a9c02"));
    assert_eq!("gpu-0-1f3a9c02".parse(), Ok(worker));
    assert_ne!(WorkerIdentity::random("w"), WorkerIdentity::random("w"));
    for bad in ["", "a/b", "..", "-a", "a b", "ä", &"x".repeat(65)] {
        assert_eq!(WorkerIdentity::new(bad, 1), Err(BadWorkerName), "{bad}");
    }
    for bad in ["gpu", "gpu-1", "gpu-1f3a9c0", "gpu-1f3a9c0g", "-1f3a9c02", "gpu-+1f3a9c0"] {
        assert_eq!(bad.parse::<WorkerIdentity>(), Err(BadWorkerName), "{bad}");
    }
}

#[tokio::test]
async fn workers_are_counted_by_state_until_they_vanish() {
    let house = House::new().await;
    for (worker, state) in [
        ("a", WorkerState::Initializing),
        ("b", WorkerState::Initializing),
        ("b", WorkerState::Idle),
        ("c", WorkerState::Running),
        ("d", WorkerState::Idle),
    ] {
        house.store.report_worker(&presence(worker, state)).await.unwrap();
    }
    let mut elsewhere = presence("e", WorkerState::Idle);
    elsewhere.endpoint = "other".into();
    house.store.report_worker(&elsewhere).await.unwrap();
    let workers = async || {
        let counts = house.counts().await;
        [counts.workers_initializing, counts.workers_idle, counts.workers_running, counts.workers_unhealthy]
    };
    assert_eq!(workers().await, [1, 2, 1, 0]);
    house.store.remove_worker(&life("d")).await.unwrap();
    house.wait_ms(WORKER_SEEN_MS);
    house.store.report_worker(&presence("b", WorkerState::Idle)).await.unwrap();
    assert_eq!(workers().await, [0, 1, 0, 2]);
    house.wait_ms(86_400_000);
    assert_eq!(workers().await, [0, 0, 0, 0]);
}

#[tokio::test]
async fn the_list_says_what_each_worker_said_last() {
    let house = House::new().await;
    house.store.report_worker(&presence("b", WorkerState::Idle)).await.unwrap();
    let mut leaving = presence("a", WorkerState::Running);
    leaving.draining = true;
    house.wait_ms(5);
    house.store.report_worker(&leaving).await.unwrap();
    let workers = house.store.workers().await.unwrap();
    assert_eq!(workers.iter().map(|worker| worker.seen_ms).collect::<Vec<_>>(), [START_MS + 5, START_MS]);
    assert_eq!(workers[0].presence, leaving);
    assert_eq!(workers[1].presence, presence("b", WorkerState::Idle));
}

#[tokio::test]
async fn a_new_life_takes_the_place_of_its_former_ones() {
    let house = House::new().await;
    house.store.report_worker(&presence("a", WorkerState::Running)).await.unwrap();
    house.store.report_worker(&presence("b", WorkerState::Running)).await.unwrap();
    let new_life =
        Presence { worker: WorkerIdentity::new("a", 2).unwrap(), ..presence("a", WorkerState::Initializing) };
    house.store.report_worker(&new_life).await.unwrap();
    house.store.release_worker(&new_life.worker).await.unwrap();
    let workers = house.store.workers().await.unwrap();
    assert_eq!(
        workers.iter().map(|worker| worker.presence.worker.to_string()).collect::<Vec<_>>(),
        ["a-00000002", "b-00000001"]
    );
}
