//! The job view in every state and both versions, letter by letter: clients of three languages decode it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use protocol::view::{ApiVersion, job_view, webhook_body};
use protocol::{ArtifactKey, ImagesOutput, JobId, JobOutput, JobRecord, JobStatus, TrainOutput};
use serde_json::json;

fn record(status: JobStatus) -> JobRecord {
    JobRecord {
        id: "job-1".parse().unwrap(),
        status,
        input: json!({"train": {"data_url": "https://photos.example/dog.zip"}}),
        webhook: Some("https://hooks.example/done".into()),
        output: None,
        progress: None,
        error: None,
        created_ms: 1_000,
        started_ms: None,
        done_ms: None,
        attempts: 0,
        worker: None,
    }
}

/// A job that `local-0` took after 2,624 ms.
fn taken(status: JobStatus) -> JobRecord {
    JobRecord { started_ms: Some(3_624), attempts: 1, worker: Some("local-0".into()), ..record(status) }
}

/// A job that ended 40,213 ms after it was taken.
fn ended(status: JobStatus) -> JobRecord {
    JobRecord { done_ms: Some(43_837), ..taken(status) }
}

fn completed() -> JobRecord {
    let key = |file: &str| ArtifactKey::new(&"job-1".parse::<JobId>().unwrap(), file).unwrap();
    let output = JobOutput {
        inference: vec![ImagesOutput {
            images: vec![key("0-0.png"), key("0-1.png")],
            parameters: json!({"prompt": "a dog"}),
            info: "{\"seed\": 1}".into(),
            passback: Some(json!("mine")),
        }],
        train: Some(TrainOutput {
            checkpoint: key("job-1.ckpt"),
            safetensors: key("job-1.safetensors"),
            report: key("train.json"),
        }),
    };
    JobRecord { output: Some(output), ..ended(JobStatus::Completed) }
}

fn address(key: &ArtifactKey) -> String {
    format!("https://api.example/{}", key.as_str())
}

fn text(job: &JobRecord, version: ApiVersion) -> String {
    job_view(job, version, address).to_string()
}

#[test]
fn a_queued_job() {
    let job = record(JobStatus::InQueue);
    assert_eq!(text(&job, ApiVersion::V2), r#"{"id":"job-1","status":"IN_QUEUE"}"#);
    assert_eq!(
        text(&job, ApiVersion::V1),
        r#"{"id":"job-1","input":{"train":{"data_url":"https://photos.example/dog.zip"}},"status":"IN_QUEUE"}"#
    );
}

#[test]
fn a_running_job_before_and_after_its_first_report() {
    let mut job = taken(JobStatus::InProgress);
    assert_eq!(
        text(&job, ApiVersion::V2),
        r#"{"delayTime":2624,"id":"job-1","status":"IN_PROGRESS","workerId":"local-0"}"#
    );
    job.progress = Some(json!({"event": "stage", "stage": "unet"}));
    assert_eq!(
        text(&job, ApiVersion::V2),
        r#"{"delayTime":2624,"id":"job-1","output":{"event":"stage","stage":"unet"},"status":"IN_PROGRESS","workerId":"local-0"}"#
    );
    assert_eq!(
        text(&job, ApiVersion::V1),
        r#"{"delayTime":2624,"id":"job-1","input":{"train":{"data_url":"https://photos.example/dog.zip"}},"output":{"event":"stage","stage":"unet"},"status":"IN_PROGRESS","workerId":"local-0"}"#
    );
}

#[test]
fn a_completed_job() {
    assert_eq!(
        text(&completed(), ApiVersion::V2),
        r#"{"delayTime":2624,"executionTime":40213,"id":"job-1","output":{"inference":[{"images":["https://api.example/job-1/0-0.png","https://api.example/job-1/0-1.png"],"parameters":{"prompt":"a dog"},"info":"{\"seed\": 1}","passback":"mine"}],"train":{"checkpoint_url":"https://api.example/job-1/job-1.ckpt","safetensors_url":"https://api.example/job-1/job-1.safetensors","report_url":"https://api.example/job-1/train.json"}},"status":"COMPLETED","workerId":"local-0"}"#
    );
    let v1 = job_view(&completed(), ApiVersion::V1, address);
    assert_eq!((&v1["gpu"], &v1["input"]), (&json!("local"), &completed().input));
}

#[test]
fn an_output_holds_only_what_was_asked_for() {
    let mut job = completed();
    job.output = Some(JobOutput::default());
    assert_eq!(job_view(&job, ApiVersion::V2, address)["output"], json!({}));
    let item = ImagesOutput { images: vec![], parameters: json!({}), info: "{}".into(), passback: None };
    job.output = Some(JobOutput { inference: vec![item], train: None });
    assert_eq!(
        job_view(&job, ApiVersion::V2, address)["output"].to_string(),
        r#"{"inference":[{"images":[],"parameters":{},"info":"{}","passback":null}]}"#
    );
}

#[test]
fn a_failed_job_has_its_reason_and_its_retries() {
    let mut job = ended(JobStatus::Failed);
    job.error = Some("job timed out after 1 retries".into());
    job.attempts = 2;
    assert_eq!(
        text(&job, ApiVersion::V2),
        r#"{"delayTime":2624,"error":"job timed out after 1 retries","executionTime":40213,"id":"job-1","retries":1,"status":"FAILED","workerId":"local-0"}"#
    );
    assert_eq!(
        text(&job, ApiVersion::V1),
        r#"{"delayTime":2624,"error":"job timed out after 1 retries","executionTime":40213,"gpu":"local","id":"job-1","input":{"train":{"data_url":"https://photos.example/dog.zip"}},"retries":1,"status":"FAILED","workerId":"local-0"}"#
    );
}

#[test]
fn the_error_key_is_there_only_when_the_job_failed() {
    for status in [JobStatus::InQueue, JobStatus::InProgress, JobStatus::Completed, JobStatus::Cancelled] {
        let mut job = ended(status);
        job.error = Some("an earlier attempt's".into());
        assert!(job_view(&job, ApiVersion::V2, address).get("error").is_none(), "{status}");
    }
}

#[test]
fn a_job_that_never_ran_has_no_times() {
    for (status, word) in [(JobStatus::Cancelled, "CANCELLED"), (JobStatus::TimedOut, "TIMED_OUT")] {
        let job = JobRecord { done_ms: Some(9_000), ..record(status) };
        assert_eq!(text(&job, ApiVersion::V2), format!(r#"{{"id":"job-1","status":"{word}"}}"#));
        assert_eq!(
            text(&job, ApiVersion::V1),
            format!(
                r#"{{"gpu":"local","id":"job-1","input":{{"train":{{"data_url":"https://photos.example/dog.zip"}}}},"status":"{word}"}}"#
            )
        );
    }
}

#[test]
fn a_webhook_is_the_v2_view_with_input_and_webhook_in_alphabetical_order() {
    let mut job = ended(JobStatus::Failed);
    job.error = Some("no images in the zip".into());
    assert_eq!(
        webhook_body(&job, address).to_string(),
        r#"{"delayTime":2624,"error":"no images in the zip","executionTime":40213,"id":"job-1","input":{"train":{"data_url":"https://photos.example/dog.zip"}},"status":"FAILED","webhook":"https://hooks.example/done","workerId":"local-0"}"#
    );
}

#[test]
fn the_six_states_are_runpods_words() {
    let words = ["IN_QUEUE", "IN_PROGRESS", "COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT"];
    for (word, terminal) in words.into_iter().zip([false, false, true, true, true, true]) {
        let status: JobStatus = word.parse().unwrap();
        assert_eq!((status.to_string().as_str(), status.is_terminal()), (word, terminal));
        assert_eq!(serde_json::to_value(status).unwrap(), json!(word));
    }
    assert_eq!("RUNNING".parse::<JobStatus>().unwrap_err(), "RUNNING is not a job state");
}

#[test]
fn an_artifact_key_names_one_plain_file_of_one_job() {
    let job: JobId = "job-1".parse().unwrap();
    let key = ArtifactKey::new(&job, "0-0.png").unwrap();
    assert_eq!((key.as_str(), key.file_name()), ("job-1/0-0.png", "0-0.png"));
    assert_eq!(ArtifactKey::parse("job-1/0-0.png"), Some(key.clone()));
    assert_eq!(serde_json::from_value::<ArtifactKey>(json!("job-1/0-0.png")).unwrap(), key);
    let wrong =
        ["job-1/..", "job-1/a/b", "/etc/passwd", "job-1/", "job-1", "job-1/.hidden", "../x", "a b/c", "job-1/a\\b"];
    for wrong in wrong {
        assert_eq!(ArtifactKey::parse(wrong), None, "{wrong}");
        assert!(serde_json::from_value::<ArtifactKey>(json!(wrong)).is_err(), "{wrong}");
    }
}

#[test]
fn a_stored_output_survives_its_own_json() {
    let output = completed().output.unwrap();
    let text = serde_json::to_string(&output).unwrap();
    assert_eq!(serde_json::from_str::<JobOutput>(&text).unwrap(), output);
}
