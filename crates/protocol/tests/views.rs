//! The job view in every state and both versions, letter by letter: clients of three languages decode it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use protocol::view::{ApiVersion, job_view, webhook_body};
use protocol::{
    ArtifactKey, ArtifactRef, Failure, FailureCode, FileContent, ImagesOutput, JobEvent, JobId, JobOutput, JobRecord,
    JobStatus, TrainOutput,
};
use serde_json::{Value, json};

/// When every view is asked for.
const NOW_MS: i64 = 50_000;

fn record(status: JobStatus) -> JobRecord {
    JobRecord {
        id: "job-1".parse().unwrap(),
        endpoint: "dream-booth-v1".into(),
        owner: None,
        status,
        request: json!({"input": {"train": {"data_url": "https://photos.example/dog.zip"}}, "webhook": "***"}),
        output: None,
        progress: None,
        failure: None,
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

fn file(name: &str) -> ArtifactRef {
    ArtifactRef { artifact: ArtifactKey::new(&"job-1".parse::<JobId>().unwrap(), 2, name).unwrap() }
}

fn completed() -> JobRecord {
    let output = JobOutput {
        inference: vec![ImagesOutput {
            images: vec![file("0-0.png"), file("0-1.png")],
            parameters: json!({"prompt": "a dog"}),
            info: "{\"seed\": 1}".into(),
            passback: Some(json!("mine")),
        }],
        train: Some(TrainOutput {
            checkpoint: Some(file("job-1.ckpt")),
            safetensors: file("job-1.safetensors"),
            diffusers: None,
            report: file("train.json"),
            report_page: file("train.html"),
        }),
    };
    JobRecord { output: Some(serde_json::to_value(output).unwrap()), ..ended(JobStatus::Completed) }
}

fn address(key: &ArtifactKey) -> String {
    format!("https://api.example/{}", key.as_str())
}

fn view(job: &JobRecord, version: ApiVersion) -> Value {
    job_view(job, version, NOW_MS, &address)
}

fn text(job: &JobRecord, version: ApiVersion) -> String {
    view(job, version).to_string()
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
fn a_running_job_says_how_long_it_has_run_and_what_it_reported_last() {
    let mut job = taken(JobStatus::InProgress);
    assert_eq!(
        text(&job, ApiVersion::V2),
        r#"{"delayTime":2624,"executionTime":46376,"id":"job-1","status":"IN_PROGRESS","workerId":"local-0"}"#
    );
    job.progress = Some(json!({"event": "stage", "stage": "unet"}));
    assert_eq!(
        text(&job, ApiVersion::V2),
        r#"{"delayTime":2624,"executionTime":46376,"id":"job-1","output":{"event":"stage","stage":"unet"},"status":"IN_PROGRESS","workerId":"local-0"}"#
    );
    assert_eq!(
        text(&job, ApiVersion::V1),
        r#"{"delayTime":2624,"executionTime":46376,"id":"job-1","input":{"train":{"data_url":"https://photos.example/dog.zip"}},"output":{"event":"stage","stage":"unet"},"status":"IN_PROGRESS","workerId":"local-0"}"#
    );
}

#[test]
fn a_clock_that_went_back_does_not_make_a_time_negative() {
    let job = taken(JobStatus::InProgress);
    assert_eq!(job_view(&job, ApiVersion::V2, 0, &address)["executionTime"], 0);
}

#[test]
fn a_file_that_a_running_job_reports_has_an_address() {
    let content = FileContent::Image { item: 0, index: 1, seed: 7 };
    let event = JobEvent::File { file: file("0-1.png"), content };
    let stored = serde_json::to_value(&event).unwrap();
    assert_eq!(
        stored.to_string(),
        r#"{"event":"file","file":{"artifact":"job-1/2/0-1.png"},"kind":"image","item":0,"index":1,"seed":7}"#
    );
    assert_eq!(serde_json::from_value::<JobEvent>(stored.clone()).unwrap(), event);
    let job = JobRecord { progress: Some(stored), ..taken(JobStatus::InProgress) };
    assert_eq!(view(&job, ApiVersion::V2)["output"]["file"], json!("https://api.example/job-1/2/0-1.png"));
}

#[test]
fn a_completed_job() {
    assert_eq!(
        text(&completed(), ApiVersion::V2),
        r#"{"delayTime":2624,"executionTime":40213,"id":"job-1","output":{"inference":[{"images":["https://api.example/job-1/2/0-0.png","https://api.example/job-1/2/0-1.png"],"parameters":{"prompt":"a dog"},"info":"{\"seed\": 1}","passback":"mine"}],"train":{"checkpoint_url":"https://api.example/job-1/2/job-1.ckpt","safetensors_url":"https://api.example/job-1/2/job-1.safetensors","report_url":"https://api.example/job-1/2/train.json","report_page_url":"https://api.example/job-1/2/train.html"}},"status":"COMPLETED","workerId":"local-0"}"#
    );
    let v1 = view(&completed(), ApiVersion::V1);
    assert_eq!((&v1["gpu"], &v1["input"]), (&json!("local"), &completed().request["input"]));
}

#[test]
fn an_output_holds_only_what_was_asked_for() {
    let stored = |output: JobOutput<ArtifactRef>| serde_json::to_string(&output).unwrap();
    assert_eq!(stored(JobOutput::default()), "{}");
    let item = ImagesOutput { images: vec![], parameters: json!({}), info: "{}".into(), passback: None };
    assert_eq!(
        stored(JobOutput { inference: vec![item], train: None }),
        r#"{"inference":[{"images":[],"parameters":{},"info":"{}","passback":null}]}"#
    );
}

#[test]
fn an_output_in_any_shape_gets_addresses_at_every_depth_for_its_own_files_only() {
    let own = json!({"artifact": "job-1/3/a.png"});
    let output = json!([{"deep": {"er": [own, {"artifact": "job-2/1/a.png"}]}}, {"artifact": "job-1/3/a.png", "more": 1}, "job-1/3/a.png"]);
    let job = JobRecord { output: Some(output), ..ended(JobStatus::Completed) };
    assert_eq!(
        view(&job, ApiVersion::V2)["output"].to_string(),
        r#"[{"deep":{"er":["https://api.example/job-1/3/a.png",{"artifact":"job-2/1/a.png"}]}},{"artifact":"job-1/3/a.png","more":1},"job-1/3/a.png"]"#
    );
    for foreign in [json!(null), json!("a text"), json!([]), json!({"images": ["data:image/png;base64,AA=="]})] {
        let job = JobRecord { output: Some(foreign.clone()), ..ended(JobStatus::Completed) };
        assert_eq!(view(&job, ApiVersion::V2)["output"], foreign);
    }
}

#[test]
fn a_failed_job_has_its_code_its_reason_and_its_retries() {
    let mut job = ended(JobStatus::Failed);
    job.failure = Some(Failure::new(FailureCode::WorkerLost, "job timed out after 1 retries"));
    job.attempts = 2;
    assert_eq!(
        text(&job, ApiVersion::V2),
        r#"{"code":"worker_lost","delayTime":2624,"error":"job timed out after 1 retries","executionTime":40213,"id":"job-1","retries":1,"status":"FAILED","workerId":"local-0"}"#
    );
    assert_eq!(
        text(&job, ApiVersion::V1),
        r#"{"code":"worker_lost","delayTime":2624,"error":"job timed out after 1 retries","executionTime":40213,"gpu":"local","id":"job-1","input":{"train":{"data_url":"https://photos.example/dog.zip"}},"retries":1,"status":"FAILED","workerId":"local-0"}"#
    );
    job.output = Some(json!({"x": 1}));
    assert_eq!(view(&job, ApiVersion::V2)["output"], json!({"x": 1}), "what there was of the output");
    job.failure = None;
    assert_eq!(view(&job, ApiVersion::V2)["error"], json!("the job failed"));
}

#[test]
fn the_error_key_is_there_only_when_the_job_failed_or_timed_out() {
    for status in [JobStatus::InQueue, JobStatus::InProgress, JobStatus::Completed, JobStatus::Cancelled] {
        let mut job = ended(status);
        job.failure = Some(Failure::new(FailureCode::ChildDied, "an earlier attempt's"));
        let view = view(&job, ApiVersion::V2);
        assert!(view.get("error").is_none() && view.get("code").is_none(), "{status}");
    }
}

#[test]
fn a_job_that_never_ran_has_no_times_and_one_that_waited_too_long_says_so() {
    let job = JobRecord { done_ms: Some(9_000), ..record(JobStatus::Cancelled) };
    assert_eq!(text(&job, ApiVersion::V2), r#"{"id":"job-1","status":"CANCELLED"}"#);
    assert_eq!(
        text(&job, ApiVersion::V1),
        r#"{"gpu":"local","id":"job-1","input":{"train":{"data_url":"https://photos.example/dog.zip"}},"status":"CANCELLED"}"#
    );
    let failure = Some(Failure::new(FailureCode::TtlExpired, "the job waited longer than its ttl"));
    let job = JobRecord { done_ms: Some(9_000), failure, ..record(JobStatus::TimedOut) };
    assert_eq!(
        text(&job, ApiVersion::V2),
        r#"{"code":"ttl_expired","error":"the job waited longer than its ttl","id":"job-1","status":"TIMED_OUT"}"#
    );
}

#[test]
fn a_webhook_is_the_v2_view_with_input_and_its_own_address_in_alphabetical_order() {
    let mut job = ended(JobStatus::Failed);
    job.failure = Some(Failure::new(FailureCode::DataNoImages, "no images in the zip"));
    assert_eq!(
        webhook_body(&job, "https://hooks.example/done", NOW_MS, &address).to_string(),
        r#"{"code":"data_no_images","delayTime":2624,"error":"no images in the zip","executionTime":40213,"id":"job-1","input":{"train":{"data_url":"https://photos.example/dog.zip"}},"status":"FAILED","webhook":"https://hooks.example/done","workerId":"local-0"}"#
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
    assert!("RUNNING".parse::<JobStatus>().unwrap_err().to_string().starts_with("\"RUNNING\" is no job state"));
}

#[test]
fn an_artifact_key_names_one_plain_file_of_one_attempt() {
    let job: JobId = "job-1".parse().unwrap();
    let key = ArtifactKey::new(&job, 7, "0-0.png").unwrap();
    assert_eq!((key.as_str(), key.job(), key.lease(), key.file_name()), ("job-1/7/0-0.png", &job, 7, "0-0.png"));
    assert_eq!(ArtifactKey::parse("job-1/7/0-0.png"), Some(key.clone()));
    assert_eq!(serde_json::from_value::<ArtifactKey>(json!("job-1/7/0-0.png")).unwrap(), key);
    let wrong = [
        "job-1/7/..",
        "job-1/7/a/b",
        "/etc/passwd",
        "job-1/7/",
        "job-1/7",
        "job-1/7/.hidden",
        "../7/x",
        "a b/7/c",
        "job-1/7/a\\b",
        "job-1/0-0.png",
        "job-1/0/a.png",
        "job-1/-1/a.png",
        "job-1/+7/a.png",
        "job-1/07/a.png",
        "job-1/9223372036854775808/a.png",
    ];
    for wrong in wrong {
        assert_eq!(ArtifactKey::parse(wrong), None, "{wrong}");
        assert!(serde_json::from_value::<ArtifactKey>(json!(wrong)).is_err(), "{wrong}");
    }
}

#[test]
fn a_failure_of_a_newer_version_stays_readable() {
    let failure: Failure = serde_json::from_value(
        json!({"code": "moon_unreachable", "blame": "machine", "sentence": "The moon is down."}),
    )
    .unwrap();
    assert_eq!((failure.code, failure.ends_the_job()), (FailureCode::JobFailed, false));
    assert_eq!(failure.to_string(), "The moon is down.");
}
