//! Webhooks: when one is written, when it is sent, and that none is forgotten.

use jobs::outbox::{PAUSE_MAX_MS, RETRY_PAUSES_MS, SENDING_HOLD_MS};
use jobs::{Delivery, NewJob};
use protocol::JobId;

use crate::house::{House, LEASE_MS};

const URL: &str = "https://example.org/hook?token=sesame";

fn with_webhook(job: &mut NewJob) {
    job.webhook = Some(URL.into());
}

impl House {
    async fn completed_job(&self, name: &str) -> JobId {
        let job = self.submit_with(name, with_webhook).await;
        let claim = self.claim("w").await;
        assert!(self.complete(&claim.lease).await.is_held());
        job
    }

    /// The one delivery that is due.
    async fn due(&self) -> Option<Delivery> {
        let mut due = self.store.due_deliveries(10).await.unwrap();
        assert!(due.len() <= 1, "{due:?}");
        due.pop()
    }
}

#[tokio::test]
async fn every_end_but_a_cancel_is_reported_once() {
    let house = House::new().await;
    house.completed_job("completed").await;
    house.submit_with("failed", with_webhook).await;
    assert!(house.store.fail(&house.claim("w").await.lease, "no").await.unwrap().is_held());
    house
        .submit_with("lost", |job| {
            with_webhook(job);
            job.max_attempts = 1;
        })
        .await;
    house.claim("w").await;
    house
        .submit_with("overran", |job| {
            with_webhook(job);
            job.execution_timeout_ms = Some(10);
        })
        .await;
    house.claim("w").await;
    house
        .submit_with("expired", |job| {
            with_webhook(job);
            job.ttl_ms = Some(10);
        })
        .await;
    let cancelled = house.submit_with("cancelled", with_webhook).await;
    house.store.cancel(&cancelled).await.unwrap();
    house.submit("without").await;
    house.wait_ms(LEASE_MS);
    assert!(house.complete(&house.claim("w").await.lease).await.is_held());
    house.store.reap().await.unwrap();
    house.store.reap().await.unwrap();
    let due = house.store.due_deliveries(100).await.unwrap();
    let mut jobs: Vec<&str> = due.iter().map(|delivery| delivery.job.as_str()).collect();
    jobs.sort_unstable();
    assert_eq!(jobs, ["completed", "expired", "failed", "lost", "overran"]);
    assert!(due.iter().all(|delivery| delivery.url == URL && delivery.attempt == 1));
    assert!(!format!("{due:?}").contains("sesame"));
}

#[tokio::test]
async fn a_cancel_is_reported_when_the_operator_wants_it() {
    let mut house = House::new().await;
    house.store = house.store.with_webhook_on_cancel(true);
    let job = house.submit_with("a", with_webhook).await;
    house.store.cancel(&job).await.unwrap();
    house.store.cancel(&job).await.unwrap();
    assert_eq!(house.due().await.unwrap().job, job);
}

#[tokio::test]
async fn an_attempt_that_is_tried_again_is_not_reported() {
    let house = House::new().await;
    house.submit_with("a", with_webhook).await;
    house.claim("w").await;
    house.wait_ms(LEASE_MS);
    house.store.reap().await.unwrap();
    assert_eq!(house.due().await, None);
}

#[tokio::test]
async fn the_schedule_is_at_once_then_runpods_then_up_to_three_days() {
    let house = House::new().await;
    house.completed_job("a").await;
    let begin = house.now_ms();
    for (attempt, pause) in (1..).zip(RETRY_PAUSES_MS) {
        let delivery = house.due().await.unwrap();
        assert_eq!(delivery.attempt, attempt);
        assert_eq!(house.store.postpone(&delivery, None).await.unwrap(), Some(pause));
        house.wait_ms(pause - 1);
        assert_eq!(house.due().await, None);
        house.wait_ms(1);
    }
    let last = house.due().await.unwrap();
    assert_eq!(house.store.postpone(&last, None).await.unwrap(), None);
    let days = (house.now_ms() - begin) as f64 / 86_400_000.0;
    assert!((3.0..3.1).contains(&days), "{days}");
    house.wait_ms(100 * 86_400_000);
    assert_eq!(house.due().await, None);
}

#[tokio::test]
async fn an_accepted_delivery_is_not_sent_again() {
    let house = House::new().await;
    house.completed_job("a").await;
    let delivery = house.due().await.unwrap();
    house.store.delivered(delivery.id).await.unwrap();
    house.wait_ms(100 * 86_400_000);
    assert_eq!(house.due().await, None);
    assert_eq!(house.store.postpone(&delivery, None).await.unwrap(), Some(RETRY_PAUSES_MS[0]), "and stays away");
    house.wait_ms(100 * 86_400_000);
    assert_eq!(house.due().await, None);
}

#[tokio::test]
async fn a_delivery_survives_a_restart_before_and_while_it_is_sent() {
    let mut house = House::new().await;
    let job = house.completed_job("a").await;
    house.reopen().await;
    let sent = house.due().await.unwrap();
    assert_eq!(sent.job, job);
    house.reopen().await;
    assert_eq!(house.due().await, None, "it may still be under way");
    house.wait_ms(SENDING_HOLD_MS);
    let again = house.due().await.unwrap();
    assert_eq!((again.id, again.attempt), (sent.id, 2));
}

#[tokio::test]
async fn a_sender_that_was_too_slow_cannot_move_the_next_ones_time() {
    let house = House::new().await;
    house.completed_job("a").await;
    let slow = house.due().await.unwrap();
    house.wait_ms(SENDING_HOLD_MS);
    let fast = house.due().await.unwrap();
    house.store.postpone(&fast, Some(3_600_000)).await.unwrap();
    house.store.postpone(&slow, None).await.unwrap();
    house.wait_ms(3_599_999);
    assert_eq!(house.due().await, None);
    house.wait_ms(1);
    assert_eq!(house.due().await.unwrap().attempt, 3);
}

#[tokio::test]
async fn a_receiver_may_ask_for_a_longer_pause_within_reason() {
    let house = House::new().await;
    house.completed_job("a").await;
    let delivery = house.due().await.unwrap();
    assert_eq!(house.store.postpone(&delivery, Some(120_000)).await.unwrap(), Some(120_000));
    assert_eq!(house.store.postpone(&delivery, Some(1)).await.unwrap(), Some(RETRY_PAUSES_MS[0]));
    assert_eq!(house.store.postpone(&delivery, Some(i64::MAX)).await.unwrap(), Some(PAUSE_MAX_MS));
}

#[tokio::test]
async fn deliveries_are_given_in_portions() {
    let house = House::new().await;
    for n in 0..5 {
        house.completed_job(&format!("job-{n}")).await;
    }
    let mut seen = Vec::new();
    for expected in [2, 2, 1, 0] {
        let due = house.store.due_deliveries(2).await.unwrap();
        assert_eq!(due.len(), expected);
        seen.extend(due.into_iter().map(|delivery| delivery.job.to_string()));
    }
    assert_eq!(seen, ["job-0", "job-1", "job-2", "job-3", "job-4"]);
}
