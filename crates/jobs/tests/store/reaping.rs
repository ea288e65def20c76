//! What the reaper takes for a dead worker, and what it does not: clocks that step, machines that sleep, databases that do
//! not answer.

use std::time::Duration;

use jobs::reaper::{LEASE, OVERRAN, PERIOD};
use jobs::{Clock, JobStore, LeaseLost, LeaseState, Reaper, run_reaper};
use protocol::{FailureCode, JobStatus};
use tokio_util::sync::CancellationToken;

use crate::house::{ENDPOINT, House, LEASE_MS, PERIOD_MS, life, master_key, new_job};

const HOUR_MS: i64 = 3_600_000;

#[tokio::test]
async fn a_dead_worker_is_noticed_within_ninety_seconds() {
    let house = House::new().await;
    let job = house.submit("a").await;
    let claim = house.claim("w").await;
    house.pass_ms(7_000).await;
    assert!(house.heartbeat(&claim.lease).await.is_held());
    let died = house.now_ms();
    while house.pass_ms(PERIOD_MS).await.requeued == 0 {}
    let noticed_after = house.now_ms() - died;
    assert!((LEASE_MS..=90_000).contains(&noticed_after), "{noticed_after} ms");
    assert_eq!(house.status(&job).await, JobStatus::InQueue);
}

#[tokio::test]
async fn a_step_of_the_clock_of_the_day_ends_no_lease() {
    for step in [HOUR_MS, -HOUR_MS] {
        let house = House::new().await;
        let job = house.submit_with("a", |job| job.execution_timeout_ms = Some(HOUR_MS / 2)).await;
        let claim = house.claim("w").await;
        house.pass_ms(LEASE_MS / 2).await;
        house.wait_ms(step);
        assert_eq!(house.pass_ms(PERIOD_MS).await.total(), 0);
        assert!(house.heartbeat(&claim.lease).await.is_held());
        assert_eq!(house.pass_ms(LEASE_MS / 2).await.total(), 0);
        assert_eq!(house.status(&job).await, JobStatus::InProgress);
        // And a dead worker is noticed as soon as without the step.
        assert_eq!(house.lose_leases().await.requeued, 1);
    }
}

#[tokio::test]
async fn a_machine_that_slept_for_an_hour_ends_no_lease() {
    let house = House::new().await;
    let job = house.submit_with("a", |job| job.execution_timeout_ms = Some(HOUR_MS / 2)).await;
    let claim = house.claim("w").await;
    house.pass_ms(LEASE_MS - 2 * PERIOD_MS).await;
    assert_eq!(house.watch_ms(HOUR_MS).await.total(), 0, "the hour counts as one period");
    assert!(house.heartbeat(&claim.lease).await.is_held());
    assert_eq!(house.pass_ms(LEASE_MS - PERIOD_MS).await.total(), 0);
    assert_eq!(house.status(&job).await, JobStatus::InProgress);
}

#[tokio::test]
async fn a_reaper_that_is_paused_again_and_again_still_notices_a_dead_worker() {
    let house = House::new().await;
    house.submit("a").await;
    house.claim("w").await;
    let mut rounds = 0;
    while house.watch_ms(10 * PERIOD_MS).await.requeued == 0 {
        rounds += 1;
    }
    assert_eq!(rounds, LEASE_MS / PERIOD_MS, "each pause counts as one period");
}

#[tokio::test]
async fn a_minute_in_which_the_store_is_silent_ends_no_lease() {
    let house = House::new().await;
    let job = house.submit("a").await;
    let claim = house.claim("w").await;
    let closed = house.store.separate(1).await.unwrap();
    closed.close().await;
    let mut reaper = Reaper::new(PERIOD, LEASE);
    let mut now = Duration::ZERO;
    let mut pass = async |store: &JobStore, rounds: u32| {
        for _ in 0..rounds {
            now += PERIOD;
            if let Ok(reaped) = reaper.round(store, now).await {
                assert_eq!(reaped.total(), 0);
            }
        }
    };
    pass(&house.store, 9).await;
    // For a minute neither reaper nor worker reaches the store; then the worker is given until its next heartbeat.
    pass(&closed, 12).await;
    pass(&house.store, 3).await;
    assert!(house.heartbeat(&claim.lease).await.is_held());
    pass(&house.store, 11).await;
    assert_eq!(house.status(&job).await, JobStatus::InProgress);
    assert!(house.complete(&claim.lease).await.is_held());
}

#[tokio::test]
async fn a_heartbeat_between_the_look_and_the_end_saves_the_lease() {
    let house = House::new().await;
    house.submit("a").await;
    let claim = house.claim("w").await;
    for _ in 0..30 {
        house.pass_ms(2 * PERIOD_MS).await;
        assert!(house.heartbeat(&claim.lease).await.is_held());
    }
    assert!(house.complete(&claim.lease).await.is_held());
}

#[tokio::test]
async fn a_reaper_that_starts_gives_every_lease_a_whole_lease_time() {
    let house = House::new().await;
    house.submit("a").await;
    house.claim("w").await;
    let mut reaper = Reaper::new(PERIOD, LEASE);
    for round in 0..=(LEASE_MS / PERIOD_MS) as u32 {
        let expected = u64::from(i64::from(round) == LEASE_MS / PERIOD_MS);
        assert_eq!(reaper.round(&house.store, round * PERIOD).await.unwrap().requeued, expected, "{round}");
    }
}

#[tokio::test]
async fn of_two_reapers_one_ends_the_attempt() {
    let house = House::new().await;
    let job = house.submit("a").await;
    house.claim("w").await;
    let mut reapers = [Reaper::new(PERIOD, LEASE), Reaper::new(PERIOD, LEASE)];
    let mut requeued = 0;
    for round in 0..20 {
        for reaper in &mut reapers {
            requeued += reaper.round(&house.store, round * PERIOD).await.unwrap().requeued;
        }
    }
    assert_eq!(requeued, 1);
    assert_eq!(house.get(&job).await.attempts, 1);
}

#[tokio::test]
async fn an_attempt_past_its_execution_timeout_fails_although_its_supervisor_only_beats() {
    let house = House::new().await;
    let job = house.submit_with("a", |job| job.execution_timeout_ms = Some(20_000)).await;
    house.wait_ms(100_000);
    let claim = house.claim("w").await;
    let mut overran = 0;
    for second in (0..35).step_by(5) {
        assert_eq!(overran, 0, "after {second} s");
        assert!(house.heartbeat(&claim.lease).await.is_held());
        overran = house.pass_ms(PERIOD_MS).await.overran;
    }
    assert_eq!(overran, 1);
    let failed = house.get(&job).await;
    let failure = failed.failure.unwrap();
    assert_eq!((failed.status, failure.code), (JobStatus::Failed, FailureCode::ExecutionTimeout));
    assert_eq!(failure.sentence, OVERRAN);
    let ended = LeaseState::Lost(LeaseLost::Ended(JobStatus::Failed));
    assert_eq!(house.heartbeat(&claim.lease).await, ended);
    assert_eq!(house.complete(&claim.lease).await, ended);
}

#[tokio::test]
async fn an_attempt_whose_supervisor_is_gone_ends_at_its_execution_timeout() {
    let house = House::new().await;
    let job = house.submit_with("a", |job| job.execution_timeout_ms = Some(20_000)).await;
    house.claim("w").await;
    assert_eq!(house.pass_ms(30_000).await.total(), 0);
    assert_eq!(house.pass_ms(PERIOD_MS).await.overran, 1);
    assert_eq!(house.status(&job).await, JobStatus::Failed);
}

#[tokio::test]
async fn each_attempt_has_an_execution_time_of_its_own() {
    let house = House::new().await;
    let job = house.submit_with("a", |job| job.execution_timeout_ms = Some(2 * LEASE_MS)).await;
    house.claim("w").await;
    assert_eq!(house.lose_leases().await.requeued, 1);
    let second = house.claim("w").await;
    for _ in 0..2 {
        assert_eq!(house.pass_ms(LEASE_MS - PERIOD_MS).await.total(), 0);
        assert!(house.heartbeat(&second.lease).await.is_held());
    }
    assert_eq!(house.get(&job).await.attempts, 2);
}

#[tokio::test]
async fn many_dead_workers_are_noticed_in_one_round() {
    let house = House::new().await;
    for n in 0..250 {
        house.submit_with(&format!("job-{n}"), |job| job.max_attempts = 1 + n % 2).await;
        house.claim("w").await;
    }
    let reaped = house.lose_leases().await;
    assert_eq!((reaped.requeued, reaped.set_aside), (125, 125));
    let counts = house.counts().await;
    assert_eq!((counts.in_queue, counts.failed, counts.in_progress), (125, 125, 0));
}

/// The loop that every process runs, on real time but with a short lease.
#[tokio::test]
async fn the_loop_ends_silent_leases_until_it_is_told_to_stop() {
    let dir = tempfile::TempDir::new().unwrap();
    let store = JobStore::open(&dir.path().join("jobs.db"), Clock::Database, master_key()).await.unwrap();
    store.submit(new_job("a"), None).await.unwrap();
    store.claim(&life("w"), ENDPOINT).await.unwrap().unwrap();
    let stop = CancellationToken::new();
    let (period, lease) = (Duration::from_millis(5), Duration::from_millis(20));
    let reaper = tokio::spawn(run_reaper(store.clone(), period, lease, stop.clone()));
    while store.counts(ENDPOINT).await.unwrap().in_queue == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stop.cancel();
    reaper.await.unwrap();
}
