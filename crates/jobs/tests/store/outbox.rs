//! Webhooks: when one is written, when it is sent, and that none is forgotten.

use jobs::outbox::{PAUSE_MAX_MS, RETRY_PAUSES_MS, SENDING_HOLD_MS};
use jobs::{Delivery, DeliveryTry, NewJob, Outcome};
use protocol::JobId;

use crate::house::{House, START_MS, id};

const URL: &str = "https://example.org/hook?token=sesame";

/// How most failed sendings go.
const BUSY: Outcome = Outcome::Status(503);

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
    assert!(house.fail(&house.claim("w").await.lease).await.is_held());
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
    house.wait_ms(10);
    assert!(house.complete(&house.claim("w").await.lease).await.is_held());
    let reaped = house.lose_leases().await;
    assert_eq!((reaped.set_aside, reaped.overran, reaped.timed_out), (1, 1, 1));
    let due = house.store.due_deliveries(100).await.unwrap();
    let mut jobs: Vec<&str> = due.iter().map(|delivery| delivery.job.as_str()).collect();
    jobs.sort_unstable();
    assert_eq!(jobs, ["completed", "expired", "failed", "lost", "overran"]);
    assert!(due.iter().all(|delivery| delivery.url.reveal() == URL && delivery.attempt == 1));
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
    assert_eq!(house.lose_leases().await.requeued, 1);
    assert_eq!(house.due().await, None);
}

#[tokio::test]
async fn the_schedule_is_at_once_then_runpods_then_up_to_three_days() {
    let house = House::new().await;
    let job = house.completed_job("a").await;
    let begin = house.now_ms();
    for (attempt, pause) in (1..).zip(RETRY_PAUSES_MS) {
        let delivery = house.due().await.unwrap();
        assert_eq!(delivery.attempt, attempt);
        assert_eq!(house.store.postpone(&delivery, &BUSY, None).await.unwrap(), Some(pause));
        house.wait_ms(pause - 1);
        assert_eq!(house.due().await, None);
        house.wait_ms(1);
    }
    let last = house.due().await.unwrap();
    assert_eq!(house.store.postpone(&last, &BUSY, None).await.unwrap(), None);
    assert_eq!(house.store.delivery_log(&job).await.unwrap().len(), 14);
    let days = (house.now_ms() - begin) as f64 / 86_400_000.0;
    assert!((3.0..3.1).contains(&days), "{days}");
    house.wait_ms(100 * 86_400_000);
    assert_eq!((house.due().await, house.counts().await.deliveries), (None, 0));
}

#[tokio::test]
async fn an_accepted_delivery_is_not_sent_again() {
    let house = House::new().await;
    house.completed_job("a").await;
    let delivery = house.due().await.unwrap();
    house.store.delivered(&delivery, 200).await.unwrap();
    house.wait_ms(100 * 86_400_000);
    assert_eq!(house.due().await, None);
    assert_eq!(house.store.postpone(&delivery, &BUSY, None).await.unwrap(), Some(RETRY_PAUSES_MS[0]), "and stays away");
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
    house.store.postpone(&fast, &BUSY, Some(3_600_000)).await.unwrap();
    house.store.postpone(&slow, &BUSY, None).await.unwrap();
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
    assert_eq!(house.store.postpone(&delivery, &BUSY, Some(120_000)).await.unwrap(), Some(120_000));
    assert_eq!(house.store.postpone(&delivery, &BUSY, Some(1)).await.unwrap(), Some(RETRY_PAUSES_MS[0]));
    assert_eq!(house.store.postpone(&delivery, &BUSY, Some(i64::MAX)).await.unwrap(), Some(PAUSE_MAX_MS));
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

#[tokio::test]
async fn the_most_overdue_is_given_first() {
    let house = House::new().await;
    house.completed_job("first").await;
    let postponed = house.due().await.unwrap();
    house.store.postpone(&postponed, &BUSY, None).await.unwrap();
    house.wait_ms(5_000);
    house.completed_job("second").await;
    house.wait_ms(10_000);
    let due = house.store.due_deliveries(10).await.unwrap();
    assert_eq!(due.iter().map(|delivery| delivery.job.as_str()).collect::<Vec<_>>(), ["second", "first"]);
}

#[tokio::test]
async fn every_sending_is_logged_with_its_status_or_reason() {
    let house = House::new().await;
    let job = house.completed_job("a").await;
    let first = house.due().await.unwrap();
    let refused = Outcome::NoAnswer("the connection was refused".into());
    house.store.postpone(&first, &refused, None).await.unwrap();
    house.wait_ms(RETRY_PAUSES_MS[0]);
    let second = house.due().await.unwrap();
    house.store.postpone(&second, &BUSY, None).await.unwrap();
    house.wait_ms(RETRY_PAUSES_MS[1]);
    house.store.delivered(&house.due().await.unwrap(), 204).await.unwrap();
    let entry =
        |attempt, after_ms, outcome| DeliveryTry { delivery: first.id, attempt, at_ms: START_MS + after_ms, outcome };
    let expected = [
        entry(1, 0, refused),
        entry(2, RETRY_PAUSES_MS[0], BUSY),
        entry(3, RETRY_PAUSES_MS[0] + RETRY_PAUSES_MS[1], Outcome::Status(204)),
    ];
    assert_eq!(house.store.delivery_log(&job).await.unwrap(), expected);
    assert_eq!(house.store.delivery_log(&id("nothing")).await.unwrap(), []);
}

#[tokio::test]
async fn a_damaged_address_is_given_up_and_does_not_hold_up_the_others() {
    let house = House::new().await;
    house.completed_job("damaged").await;
    house.completed_job("sound").await;
    house.tamper("UPDATE outbox SET address = x'00' WHERE job = 'damaged'").await;
    assert_eq!(house.due().await.unwrap().job, id("sound"));
    assert_eq!(house.counts().await.deliveries, 1);
}
