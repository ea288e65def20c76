//! The supervisor's side of the wire: what it makes of a child's lines and of its death.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use protocol::{Assignment, ChildMessage, JobEvent, Stage};
use worker::child_process::{ChildCommand, ChildProcess};

/// A child that is a shell script: the wire is text, whoever speaks it.
fn script(text: &str) -> ChildCommand {
    ChildCommand { program: "/bin/sh".into(), args: vec!["-c".into(), text.into()] }
}

const READY: &str = r#"echo '{"kind":"ready","device":"cpu"}'"#;

fn assignment() -> Assignment {
    Assignment {
        job: "job-1".parse().unwrap(),
        model: "mini".into(),
        train: None,
        inference: Vec::new(),
        out_dir: "/nowhere".into(),
    }
}

#[tokio::test]
async fn a_child_is_ready_reports_and_ends() {
    let text = format!(
        r#"{READY}; read line; echo "a library says hello"
        echo '{{"kind":"event","event":"stage","stage":"unet"}}'
        echo '{{"kind":"failed","error":"no"}}'; cat"#
    );
    let mut child = ChildProcess::start(&script(&text)).await.unwrap();
    child.assign(assignment()).await.unwrap();
    assert_eq!(child.next().await.unwrap(), ChildMessage::Event(JobEvent::Stage { stage: Stage::Unet }));
    assert_eq!(child.next().await.unwrap(), ChildMessage::Failed { error: "no".into() });
    child.kill().await;
}

#[tokio::test]
async fn a_child_that_cannot_open_its_device_fails_the_job_with_its_sentence() {
    let text = r#"echo '{"kind":"failed","error":"no GPU 3; give --device cpu"}'"#;
    let error = ChildProcess::start(&script(text)).await.unwrap_err();
    assert_eq!(error.to_string(), "no GPU 3; give --device cpu");
    assert!(matches!(error, worker::WorkerError::Job(_)));
}

#[tokio::test]
async fn the_way_a_child_died_is_told_and_costs_the_attempt() {
    let cases = [
        ("kill -9 $$", "was killed (signal 9), as the system does when memory runs out"),
        ("kill -6 $$", "was ended by signal 6"),
        ("exit 101", "ended with exit code 101"),
    ];
    for (end, words) in cases {
        let mut child = ChildProcess::start(&script(&format!("{READY}; read line; {end}"))).await.unwrap();
        child.assign(assignment()).await.unwrap();
        let error = child.next().await.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert!(matches!(error, worker::WorkerError::Attempt(_)));
    }
}

#[tokio::test]
async fn a_program_that_is_not_there_costs_the_attempt() {
    let command = ChildCommand { program: "/no/such/program".into(), args: Vec::new() };
    assert!(matches!(ChildProcess::start(&command).await.unwrap_err(), worker::WorkerError::Attempt(_)));
}
