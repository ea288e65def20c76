//! What goes when a job has ended, and what stays.

use jobs::{Keep, Sweep};
use protocol::{ArtifactKey, JobId};
use serde_json::json;

use crate::house::{ENDPOINT, House, id, no_images};

const DAY_MS: i64 = 86_400_000;

impl House {
    async fn completed(&self, name: &str, own_ms: Option<i64>) -> JobId {
        let job = self.submit_with(name, |job| job.retention_ms = own_ms).await;
        assert!(self.complete(&self.claim("w").await.lease).await.is_held());
        job
    }

    async fn expired(&self) -> Vec<String> {
        let expired = self.store.expired_jobs(DAY_MS, 10).await.unwrap();
        expired.into_iter().map(|job| job.id.to_string()).collect()
    }

    async fn sweeps(&self) -> Vec<Sweep> {
        self.store.jobs_to_sweep(0, 10).await.unwrap()
    }
}

#[tokio::test]
async fn an_ended_job_expires_after_its_own_retention_or_the_default() {
    let house = House::new().await;
    house.completed("default", None).await;
    house.completed("short", Some(1_000)).await;
    house.completed("long", Some(2 * DAY_MS)).await;
    house.submit("waiting").await;
    house.wait_ms(999);
    assert!(house.expired().await.is_empty());
    house.wait_ms(1);
    assert_eq!(house.expired().await, ["short"]);
    house.wait_ms(DAY_MS - 1_000);
    assert_eq!(house.expired().await, ["short", "default"]);
    house.wait_ms(DAY_MS);
    assert_eq!(house.expired().await, ["short", "long", "default"]);
    assert_eq!(house.store.expired_jobs(DAY_MS, 2).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_forgotten_job_leaves_nothing_but_its_count() {
    let house = House::new().await;
    let job = house.submit_with("a", |job| job.webhook = Some("https://example.org".into())).await;
    let claim = house.claim("w").await;
    assert!(!house.store.forget_job(&job).await.unwrap(), "it has not ended");
    assert!(house.record(&claim.lease, &json!({"step": 1})).await.is_held());
    assert!(house.complete(&claim.lease).await.is_held());
    let delivery = house.store.due_deliveries(1).await.unwrap().pop().unwrap();
    house.store.delivered(&delivery, 200).await.unwrap();
    assert!(house.store.forget_job(&job).await.unwrap());
    assert!(!house.store.forget_job(&job).await.unwrap());
    assert_eq!(house.store.get(&job).await.unwrap(), None);
    assert_eq!(house.store.events(&job, 0).await.unwrap(), []);
    assert_eq!(house.store.delivery_log(&job).await.unwrap(), []);
    assert_eq!(house.counts().await.completed, 1);
    assert!(!house.complete(&claim.lease).await.is_held());
    house.submit("a").await;
}

#[tokio::test]
async fn a_job_is_kept_until_its_webhook_is_delivered() {
    let house = House::new().await;
    house.submit_with("a", |job| job.webhook = Some("https://example.org".into())).await;
    assert!(house.complete(&house.claim("w").await.lease).await.is_held());
    house.wait_ms(2 * DAY_MS);
    assert!(house.expired().await.is_empty());
    let delivery = house.store.due_deliveries(1).await.unwrap().pop().unwrap();
    house.store.delivered(&delivery, 200).await.unwrap();
    assert_eq!(house.expired().await, ["a"]);
}

#[tokio::test]
async fn forgetting_a_job_gives_its_webhook_up() {
    let house = House::new().await;
    let job = house.submit_with("a", |job| job.webhook = Some("https://example.org".into())).await;
    assert!(house.complete(&house.claim("w").await.lease).await.is_held());
    assert!(house.store.forget_job(&job).await.unwrap());
    assert_eq!((house.store.due_deliveries(1).await.unwrap(), house.counts().await.deliveries), (Vec::new(), 0));
}

#[tokio::test]
async fn a_retention_can_be_set_before_and_after_the_end() {
    let house = House::new().await;
    let ended = house.completed("ended", None).await;
    house.wait_ms(100);
    assert!(house.store.set_retention(&ended, 50).await.unwrap());
    let running = house.submit("running").await;
    let claim = house.claim("w").await;
    assert!(house.store.set_retention(&running, 1_000).await.unwrap());
    house.wait_ms(50);
    assert_eq!(house.expired().await, ["ended"], "counted from the setting");
    house.wait_ms(10_000);
    assert!(house.complete(&claim.lease).await.is_held());
    house.wait_ms(1_000);
    assert_eq!(house.expired().await, ["ended", "running"], "counted from the end");
    assert!(!house.store.set_retention(&id("nothing"), 1).await.unwrap());
}

#[tokio::test]
async fn of_a_completed_job_the_winning_attempts_files_stay() {
    let house = House::new().await;
    let job = house.submit("a").await;
    assert!(house.release(&house.claim("w").await.lease).await.is_held());
    let winner = house.claim("w").await;
    assert!(house.sweeps().await.is_empty(), "it has not ended");
    assert!(house.complete(&winner.lease).await.is_held());
    let expected = Sweep { id: job.clone(), endpoint: ENDPOINT.into(), keep: Keep::Lease(2) };
    assert_eq!(house.sweeps().await, [expected]);
    house.store.mark_swept(&job).await.unwrap();
    assert!(house.sweeps().await.is_empty());
}

#[tokio::test]
async fn of_every_other_end_only_files_that_a_partial_output_names_stay() {
    let house = House::new().await;
    house.submit("failed").await;
    assert!(house.fail(&house.claim("w").await.lease).await.is_held());
    house.submit("partial").await;
    let claim = house.claim("w").await;
    let partial = json!({"inference": [{"images": [{"artifact": "partial/1/0-0.png"}, "other"]}], "n": 1});
    assert!(house.store.fail(&claim.lease, &no_images(), Some(&partial)).await.unwrap().is_held());
    house.submit("cancelled").await;
    house.claim("w").await;
    house.store.cancel(&id("cancelled")).await.unwrap();
    house.submit_with("expired", |job| job.ttl_ms = Some(1)).await;
    house.watch_ms(1).await;
    let kept: Vec<(String, Keep)> =
        house.sweeps().await.into_iter().map(|sweep| (sweep.id.to_string(), sweep.keep)).collect();
    let key = ArtifactKey::parse("partial/1/0-0.png").unwrap();
    let expected = [
        ("failed", Keep::Only(Vec::new())),
        ("partial", Keep::Only(vec![key])),
        ("cancelled", Keep::Only(Vec::new())),
        ("expired", Keep::Only(Vec::new())),
    ];
    assert_eq!(kept, expected.map(|(name, keep)| (name.to_string(), keep)));
}

#[tokio::test]
async fn a_job_is_swept_once_its_worker_had_time_to_notice() {
    let house = House::new().await;
    house.completed("a", None).await;
    house.wait_ms(59_999);
    assert!(house.store.jobs_to_sweep(60_000, 10).await.unwrap().is_empty());
    house.wait_ms(1);
    assert_eq!(house.store.jobs_to_sweep(60_000, 10).await.unwrap().len(), 1);
}
