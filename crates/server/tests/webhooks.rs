//! The end of a job reaches its webhook: once, with working addresses, without secrets, however long the receiver is
//! away.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod site;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use jobs::Outcome;
use jobs::outbox::RETRY_PAUSES_MS;
use protocol::{Failure, FailureCode, JobId};
use serde_json::{Value, json};
use server::{AppState, deliver_due};
use site::receiver::Receiver;
use site::{Site, path_of, smallest};
use transfer::{Network, NetworkPolicy};

fn with_webhook(url: &str) -> Value {
    let mut body = smallest();
    body["webhook"] = json!(url);
    body
}

#[tokio::test]
async fn a_completed_job_is_reported_once_with_all_that_its_status_says() {
    let site = Site::open().await;
    let receiver = Receiver::answering(&[]).await;
    let url = receiver.url("/hook?token=for-the-receiver");
    site.run(&with_webhook(&url)).await;
    assert_eq!(deliver_due(&site.state).await.unwrap(), 0, "a job that has not ended is not reported");
    let id = site.complete_next().await;
    assert_eq!(deliver_due(&site.state).await.unwrap(), 1);
    site.advance_ms(86_400_000);
    assert_eq!(deliver_due(&site.state).await.unwrap(), 0);

    let received = receiver.received();
    assert_eq!(received.len(), 1);
    let hook = &received[0];
    assert_eq!(hook.query.as_deref(), Some("token=for-the-receiver"));
    assert_eq!(hook.headers["x-job-id"], id.as_str());
    assert_eq!(hook.headers["x-webhook-attempt"], "1");
    assert_eq!(hook.headers["content-type"], "application/json");
    let keys: Vec<_> = hook.body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["delayTime", "executionTime", "id", "input", "output", "status", "webhook", "workerId"]);
    assert_eq!((&hook.body["status"], &hook.body["webhook"]), (&json!("COMPLETED"), &json!(url)));
    assert_eq!(hook.body["input"], smallest()["input"]);
    let address = hook.body["output"]["inference"][0]["images"][0].as_str().unwrap();
    assert!(address.starts_with("https://api.example/v2/dream-booth-v1/files/"), "{address}");
}

#[tokio::test]
async fn the_address_in_a_webhook_opens_its_file() {
    let site = Site::open().await;
    let receiver = Receiver::answering(&[]).await;
    site.run(&with_webhook(&receiver.url("/"))).await;
    site.complete_next().await;
    deliver_due(&site.state).await.unwrap();
    let address = receiver.received()[0].body["output"]["train"]["checkpoint_url"].clone();
    let fetched = site.send(Request::get(path_of(&address)).body(Body::empty()).unwrap()).await;
    assert_eq!((fetched.status, fetched.text().as_str()), (StatusCode::OK, "0123456789"));
}

#[tokio::test]
async fn a_token_of_the_request_is_not_in_the_webhook() {
    let site = Site::open().await;
    let receiver = Receiver::answering(&[]).await;
    let mut body = with_webhook(&receiver.url("/"));
    body["input"]["train"]["hf_model"] = json!("owner/private");
    body["input"]["train"]["hf_token"] = json!("hf_hidden");
    site.run(&body).await;
    let claim = site.claim().await;
    let failure = Failure::new(FailureCode::ModelNotFound, "no access");
    assert!(site.state.store.fail(&claim.lease, &failure, None).await.unwrap().is_held());
    deliver_due(&site.state).await.unwrap();
    let hook = &receiver.received()[0].body;
    assert_eq!((&hook["status"], &hook["error"]), (&json!("FAILED"), &json!("no access")));
    assert_eq!(hook["code"], "model_not_found");
    assert_eq!(hook["input"]["train"]["hf_token"], "***");
    assert!(!hook.to_string().contains("hf_hidden"));
}

#[tokio::test]
async fn a_receiver_that_fails_is_asked_again_on_the_schedule_until_it_accepts() {
    let site = Site::open().await;
    let receiver = Receiver::answering(&[500, 302, 404, 204]).await;
    site.run(&with_webhook(&receiver.url("/"))).await;
    site.complete_next().await;
    for (sent, pause) in RETRY_PAUSES_MS[..3].iter().enumerate() {
        assert_eq!(deliver_due(&site.state).await.unwrap(), 1);
        site.advance_ms(pause - 1);
        assert_eq!(deliver_due(&site.state).await.unwrap(), 0, "too early after sending {}", sent + 1);
        site.advance_ms(1);
    }
    assert_eq!(deliver_due(&site.state).await.unwrap(), 1);
    site.advance_ms(30 * 86_400_000);
    assert_eq!(deliver_due(&site.state).await.unwrap(), 0);
    let attempts: Vec<_> = receiver.received().iter().map(|hook| hook.headers["x-webhook-attempt"].clone()).collect();
    assert_eq!(attempts, ["1", "2", "3", "4"]);
}

#[tokio::test]
async fn a_receiver_that_wants_no_more_is_left_alone() {
    let site = Site::open().await;
    let receiver = Receiver::answering(&[410]).await;
    site.run(&with_webhook(&receiver.url("/"))).await;
    site.complete_next().await;
    deliver_due(&site.state).await.unwrap();
    site.advance_ms(86_400_000);
    assert_eq!(deliver_due(&site.state).await.unwrap(), 0);
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn a_receiver_that_never_answers_is_given_up_after_three_days() {
    let site = Site::open().await;
    site.run(&with_webhook("http://127.0.0.1:1/nobody-listens")).await;
    site.complete_next().await;
    let mut waited_ms = 0;
    for pause in RETRY_PAUSES_MS {
        assert_eq!(deliver_due(&site.state).await.unwrap(), 1);
        site.advance_ms(pause);
        waited_ms += pause;
    }
    assert_eq!(deliver_due(&site.state).await.unwrap(), 1);
    assert_eq!(site.state.store.counts(protocol::ENDPOINT).await.unwrap().deliveries, 0);
    assert!(waited_ms >= 3 * 86_400_000 - 3_600_000, "{waited_ms}");
}

#[tokio::test]
async fn a_delivery_survives_the_servers_death() {
    let site = Site::open().await;
    let receiver = Receiver::answering(&[503]).await;
    site.run(&with_webhook(&receiver.url("/"))).await;
    site.complete_next().await;
    deliver_due(&site.state).await.unwrap();
    site.state.store.close().await;

    let later = std::sync::atomic::AtomicI64::new(site::START_MS + RETRY_PAUSES_MS[0]);
    let store = site::open_store(site.dir.path(), later.into()).await;
    let state = AppState { store, ..site.state.clone() };
    assert_eq!(deliver_due(&state).await.unwrap(), 1);
    let received = receiver.received();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].body["id"], received[1].body["id"]);
}

#[tokio::test]
async fn an_address_that_leads_into_a_private_network_is_not_called() {
    let mut site = Site::open().await;
    let receiver = Receiver::answering(&[]).await;
    // Taken by a server that allows it; sent by one that does not.
    let id = site.run(&with_webhook(&receiver.url("/hook/s3cret"))).await;
    site.complete_next().await;
    site.state.network = Network::new(NetworkPolicy::default()).unwrap();
    assert_eq!(deliver_due(&site.state).await.unwrap(), 1);
    assert!(receiver.received().is_empty());
    let log = site.state.store.delivery_log(&id).await.unwrap();
    let Outcome::NoAnswer(reason) = &log[0].outcome else { panic!("{log:?}") };
    assert!(reason.contains("is not a public address") && !reason.contains("s3cret"), "{reason}");
}

#[tokio::test]
async fn a_webhook_that_can_never_be_asked_is_refused_with_its_job() {
    let mut site = Site::open().await;
    site.state.network = Network::new(NetworkPolicy::default()).unwrap();
    site.router = server::router(site.state.clone());
    for url in [
        "http://127.0.0.1:9/hook",
        "http://169.254.169.254/latest",
        "https://user:s3cret@hooks.example/",
        "http://a:0/",
    ] {
        let answer = site.post("/v2/dream-booth-v1/run", &with_webhook(url)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{url}");
        let sentence = answer.error();
        assert!(sentence.starts_with("webhook cannot be used: ") && !sentence.contains("s3cret"), "{url}: {sentence}");
    }
    assert_eq!(site.state.store.counts(protocol::ENDPOINT).await.unwrap().in_queue, 0);
}

#[tokio::test]
async fn a_receiver_that_asks_for_time_is_given_it() {
    let site = Site::open().await;
    let receiver = Receiver::answering(&[503, 429]).await.asking_to_wait_s(3_600);
    let id: JobId = site.run(&with_webhook(&receiver.url("/"))).await;
    site.complete_next().await;
    assert_eq!(deliver_due(&site.state).await.unwrap(), 1);
    site.advance_ms(3_600_000 - 1);
    assert_eq!(deliver_due(&site.state).await.unwrap(), 0, "the schedule's own pause of 10 s would be over");
    site.advance_ms(1);
    assert_eq!(deliver_due(&site.state).await.unwrap(), 1);
    site.advance_ms(3_600_000);
    assert_eq!(deliver_due(&site.state).await.unwrap(), 1);
    let outcomes: Vec<_> = site
        .state
        .store
        .delivery_log(&id)
        .await
        .unwrap()
        .into_iter()
        .map(|sent| (sent.attempt, sent.outcome))
        .collect();
    assert_eq!(outcomes, [(1, Outcome::Status(503)), (2, Outcome::Status(429)), (3, Outcome::Status(200))]);
}

#[tokio::test]
async fn a_job_without_a_webhook_and_a_cancelled_one_are_not_reported() {
    let site = Site::open().await;
    let receiver = Receiver::answering(&[]).await;
    site.run(&smallest()).await;
    site.complete_next().await;
    let id = site.run(&with_webhook(&receiver.url("/"))).await;
    site.post(&format!("/v2/dream-booth-v1/cancel/{id}"), &json!({})).await;
    assert_eq!(deliver_due(&site.state).await.unwrap(), 0);
}

#[tokio::test]
async fn a_job_that_waited_too_long_is_reported_as_timed_out() {
    let site = Site::open().await;
    let receiver = Receiver::answering(&[]).await;
    site.run(&with_webhook(&receiver.url("/"))).await;
    site.advance_ms(86_400_001);
    site.reap().await;
    deliver_due(&site.state).await.unwrap();
    assert_eq!(receiver.received()[0].body["status"], "TIMED_OUT");
}
