//! The operations of the endpoint as clients ask for them: run, status, cancel, health.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod site;

use axum::body::Body;
use axum::http::StatusCode;
use jobs::{Presence, Reaper, WorkerIdentity, WorkerState};
use protocol::native::Native;
use protocol::{ENDPOINT, Failure, FailureCode, JobId};
use serde_json::{Value, json};
use site::{Site, smallest, worker};

const RUN: &str = "/v2/dream-booth-v1/run";

#[tokio::test]
async fn a_job_that_was_acknowledged_is_in_the_store_with_its_input_as_sent() {
    let site = Site::open().await;
    let mut body = smallest();
    body["input"]["train"]["text_steps"] = json!("12");
    body["input"]["inference"] = json!([{"prompt": "p", "seed_resized_from_w": 0}]);
    body["webhook"] = json!("https://hooks.example/done");
    let answer = site.post(RUN, &body).await;
    assert_eq!(answer.status, StatusCode::OK);
    let id: JobId = answer.json()["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(answer.text(), format!(r#"{{"id":"{id}","status":"IN_QUEUE"}}"#));
    let stored = site.state.store.get(&id).await.unwrap().unwrap();
    assert_eq!(stored.request["input"], body["input"]);
    let claim = site.claim().await;
    assert_eq!(claim.work["train"]["text_steps"], 12);
    let secrets = claim.secrets.unwrap();
    assert_eq!(secrets["sources"]["data_url"], body["input"]["train"]["data_url"]);
    assert_eq!(secrets["secrets"]["webhook"], "https://hooks.example/done");
}

#[tokio::test]
async fn absent_sizes_and_rates_are_those_of_the_services_own_model_and_the_request_is_shown_as_sent() {
    let site = Site::with(|config| config.native = Native::of("mini")).await;
    let mut body = smallest();
    body["input"]["inference"] = json!([{"prompt": "p", "width": 192}]);
    let id = site.run(&body).await;
    assert_eq!(site.state.store.get(&id).await.unwrap().unwrap().request["input"], body["input"]);
    let work = site.claim().await.work;
    assert_eq!((&work["train"]["text_resolution"], &work["train"]["unet_resolution"]), (&json!(128), &json!(128)));
    assert_eq!(
        (&work["train"]["text_learning_rate"], &work["train"]["unet_learning_rate"]),
        (&json!(1e-4), &json!(1e-4))
    );
    assert_eq!((&work["inference"][0]["width"], &work["inference"][0]["height"]), (&json!(192), &json!(128)));
}

#[tokio::test]
async fn policy_beats_the_servers_settings() {
    let site = Site::open().await;
    let mut short = smallest();
    short["policy"] = json!({"ttl": 10_000});
    let short = site.run(&short).await;
    let normal = site.run(&smallest()).await;
    site.advance_ms(10_001);
    site.reap().await;
    assert_eq!(site.status("v2", &short).await["status"], "TIMED_OUT");
    assert_eq!(site.status("v2", &normal).await["status"], "IN_QUEUE");
    site.advance_ms(86_400_000);
    site.reap().await;
    assert_eq!(site.status("v2", &normal).await["status"], "TIMED_OUT");
}

#[tokio::test]
async fn an_attempt_ends_after_its_execution_timeout() {
    let site = Site::open().await;
    let mut body = smallest();
    body["policy"] = json!({"executionTimeout": 5_000});
    let id = site.run(&body).await;
    site.claim().await;
    let mut reaper = Reaper::new(jobs::reaper::PERIOD, jobs::reaper::LEASE);
    for round in 0..5 {
        reaper.round(&site.state.store, round * jobs::reaper::PERIOD).await.unwrap();
    }
    let view = site.status("v2", &id).await;
    assert_eq!((&view["status"], &view["error"]), (&json!("FAILED"), &json!("executionTimeout exceeded")));
    assert_eq!(view["code"], "execution_timeout");
}

#[tokio::test]
async fn a_job_that_waited_too_long_says_so() {
    let site = Site::open().await;
    let id = site.run(&smallest()).await;
    site.advance_ms(86_400_001);
    site.reap().await;
    let view = site.status("v2", &id).await;
    assert_eq!((&view["status"], &view["code"]), (&json!("TIMED_OUT"), &json!("ttl_expired")));
    assert_eq!(view["error"], "the job waited longer than its ttl");
}

#[tokio::test]
async fn low_priority_waits_for_the_others() {
    let site = Site::open().await;
    let mut low = smallest();
    low["policy"] = json!({"lowPriority": true});
    let low = site.run(&low).await;
    let normal = site.run(&smallest()).await;
    assert_eq!(site.claim().await.job.id, normal);
    assert_eq!(site.claim().await.job.id, low);
}

#[tokio::test]
async fn the_status_follows_the_job_from_queue_to_end() {
    let site = Site::open().await;
    let id = site.run(&smallest()).await;
    assert_eq!(site.status("v2", &id).await, json!({"id": id, "status": "IN_QUEUE"}));
    site.advance_ms(2_624);
    let claim = site.claim().await;
    let event = json!({"event": "stage", "stage": "text"});
    assert!(site.state.store.record_event(&claim.lease, &event).await.unwrap().is_held());
    let running = site.status("v2", &id).await;
    assert_eq!((&running["status"], &running["delayTime"]), (&json!("IN_PROGRESS"), &json!(2_624)));
    assert_eq!((&running["output"]["stage"], &running["workerId"]), (&json!("text"), &json!(worker().to_string())));
    assert_eq!(running["executionTime"], 0);
    site.advance_ms(1_000);
    assert_eq!(site.status("v2", &id).await["executionTime"], 1_000);
    let failure = Failure::new(FailureCode::DataNoImages, "The zip holds no images.");
    assert!(site.state.store.fail(&claim.lease, &failure, None).await.unwrap().is_held());
    assert_eq!(
        site.status("v2", &id).await,
        json!({
            "code": "data_no_images", "delayTime": 2_624, "error": "The zip holds no images.", "executionTime": 1_000,
            "id": id, "status": "FAILED", "workerId": worker().to_string(),
        })
    );
}

#[tokio::test]
async fn both_prefixes_show_the_same_job_and_v1_repeats_the_input_without_its_token() {
    let site = Site::open().await;
    let mut body = smallest();
    body["input"]["train"]["hf_model"] = json!("a/b");
    body["input"]["train"]["hf_token"] = json!("hf_hidden");
    let answer = site.post("/v1/dream-booth-v1/run", &body).await;
    let id: JobId = answer.json()["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(site.status("v2", &id).await, json!({"id": id, "status": "IN_QUEUE"}));
    let v1 = site.status("v1", &id).await;
    assert_eq!(v1["input"]["train"]["hf_token"], "***");
    assert_eq!(v1["input"]["train"]["hf_model"], "a/b");
    let id = site.complete_next().await;
    let (v1, v2) = (site.status("v1", &id).await, site.status("v2", &id).await);
    assert_eq!((&v1["gpu"], v2.get("gpu"), v2.get("input")), (&json!("local"), None, None));
    assert_eq!(v1["output"], v2["output"]);
}

#[tokio::test]
async fn status_may_be_posted_with_or_without_a_body() {
    let site = Site::open().await;
    let id = site.run(&smallest()).await;
    let path = format!("/v2/dream-booth-v1/status/{id}");
    let got = site.get(&path).await.json();
    for body in ["", "{}", "not json"] {
        assert_eq!(site.ask("POST", &path, body).await.json(), got);
    }
}

#[tokio::test]
async fn slashes_and_queries_that_clients_add_change_nothing() {
    let site = Site::open().await;
    let id = site.run(&smallest()).await;
    for path in [
        format!("/v2//dream-booth-v1/status/{id}"),
        format!("//v2/dream-booth-v1///status/{id}/"),
        format!("/v2/dream-booth-v1/status/{id}?ttl=1000&wait=5&unknown"),
        format!("/v2/dream-booth-v1/status//{id}//?a=//b"),
    ] {
        assert_eq!(site.get(&path).await.json()["status"], "IN_QUEUE", "{path}");
    }
    assert_eq!(site.get("/v2//dream-booth-v1/health").await.status, StatusCode::OK);
    assert_eq!(site.post("/v2/dream-booth-v1/run/", &smallest()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn cancel_is_final_and_harmless_when_repeated() {
    let site = Site::open().await;
    let id = site.run(&smallest()).await;
    let path = format!("/v2/dream-booth-v1/cancel/{id}");
    for body in ["", "{}", "not json"] {
        let answer = site.ask("POST", &path, body).await;
        assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!({"id": id, "status": "CANCELLED"})));
    }
    assert!(site.state.store.claim(&worker(), ENDPOINT).await.unwrap().is_none());
}

#[tokio::test]
async fn cancelling_a_completed_job_leaves_it_completed() {
    let site = Site::open().await;
    site.run(&smallest()).await;
    let id = site.complete_next().await;
    let answer = site.ask("POST", &format!("/v1/dream-booth-v1/cancel/{id}"), "{}").await;
    assert_eq!(answer.json(), json!({"id": id, "status": "COMPLETED"}));
}

#[tokio::test]
async fn a_result_finished_after_a_cancel_is_not_shown() {
    let site = Site::open().await;
    let id = site.run(&smallest()).await;
    let claim = site.claim().await;
    site.post(&format!("/v2/dream-booth-v1/cancel/{id}"), &json!({})).await;
    let late =
        site.state.store.fail(&claim.lease, &Failure::new(FailureCode::ChildDied, "too late"), None).await.unwrap();
    assert!(!late.is_held());
    let view = site.status("v2", &id).await;
    assert_eq!((&view["status"], view.get("error")), (&json!("CANCELLED"), None));
}

#[tokio::test]
async fn health_has_every_counter_that_any_client_decodes() {
    let site = Site::open().await;
    let empty = site.get("/v2/dream-booth-v1/health").await;
    assert_eq!(
        empty.text(),
        r#"{"jobs":{"completed":0,"failed":0,"inProgress":0,"inQueue":0,"retried":0},"workers":{"idle":0,"initializing":0,"ready":0,"running":0,"throttled":0,"unhealthy":0}}"#
    );
    site.run(&smallest()).await;
    site.complete_next().await;
    for _ in 0..2 {
        site.run(&smallest()).await;
    }
    site.claim().await;
    for (name, state) in [("local-0", WorkerState::Idle), ("local-1", WorkerState::Running)] {
        let worker = WorkerIdentity::new(name, 1).unwrap();
        let presence = Presence { worker, endpoint: ENDPOINT.into(), version: "test".into(), state, draining: false };
        site.state.store.report_worker(&presence).await.unwrap();
    }
    let health = site.get("/v1/dream-booth-v1/health").await.json();
    assert_eq!(health["jobs"], json!({"completed": 1, "failed": 0, "inProgress": 1, "inQueue": 1, "retried": 0}));
    assert_eq!(
        health["workers"],
        json!({"idle": 1, "initializing": 0, "ready": 1, "running": 1, "throttled": 0, "unhealthy": 0})
    );
}

#[tokio::test]
async fn whoever_balances_the_servers_is_told_alive_and_ready_without_a_key() {
    let site = Site::open().await;
    let without_key = |path: &str| axum::http::Request::get(path).body(Body::empty()).unwrap();
    let alive = site.send(without_key("/livez")).await;
    assert_eq!((alive.status, alive.json()), (StatusCode::OK, json!({"status": "alive"})));
    let ready = site.send(without_key("/readyz")).await;
    assert_eq!((ready.status, ready.json()), (StatusCode::OK, json!({"status": "ready"})));
    site.state.store.close().await;
    let broken = site.send(without_key("/readyz")).await;
    assert_eq!(broken.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(broken.error().starts_with("not ready"));
}

#[tokio::test]
async fn every_answer_carries_a_request_id() {
    let site = Site::open().await;
    let answer = site.get("/v2/dream-booth-v1/health").await;
    assert_eq!(answer.header("x-request-id").unwrap().len(), 36);
    let refused = site.get("/nowhere").await;
    assert!(refused.header("x-request-id").is_some());
    let _: Value = refused.json();
}

#[tokio::test]
async fn a_request_that_is_sent_twice_under_one_name_is_one_job() {
    let site = Site::open().await;
    let send = |key: &'static str, body: Value| {
        let request = axum::http::Request::post(RUN).header("authorization", &site.key).header("idempotency-key", key);
        site.send(request.body(Body::from(body.to_string())).unwrap())
    };
    let first = send("a-name", smallest()).await.json();
    assert_eq!(send("a-name", smallest()).await.json(), first);
    assert_ne!(send("another", smallest()).await.json(), first);
    let mut other = smallest();
    other["policy"] = json!({"lowPriority": true});
    let conflict = send("a-name", other).await;
    assert_eq!(conflict.status, StatusCode::CONFLICT);
    assert!(conflict.error().starts_with("conflict: the header Idempotency-Key was used with another body"));
    assert_eq!(send(" ", smallest()).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(site.state.store.counts(ENDPOINT).await.unwrap().in_queue, 2);
}
