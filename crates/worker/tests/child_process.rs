//! The supervisor's side of the wire: what it makes of a child's lines, of its silence and of its death.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use protocol::{Assignment, Blame, ChildMessage, Failure, FailureCode, JobEvent, Stage, SupervisorMessage};
use worker::child_environment::{child_environment, is_passed_on};
use worker::child_process::{ChildCommand, ChildProcess};

/// Longer than any script here needs.
const PATIENCE: Duration = Duration::from_secs(20);

/// A child that is a shell script: the wire is text, whoever speaks it.
fn script(text: &str) -> ChildCommand {
    ChildCommand { program: "/bin/sh".into(), args: vec!["-c".into(), text.into()] }
}

async fn started(text: &str) -> ChildProcess {
    ChildProcess::start(&script(text), PATIENCE).await.unwrap()
}

const READY: &str = r#"echo '{"message":"ready","content":{"device":"cpu"}}'"#;

fn run() -> SupervisorMessage {
    SupervisorMessage::Run(Box::new(Assignment {
        job: "job-1".parse().unwrap(),
        model: "mini".into(),
        train: None,
        inference: Vec::new(),
        out_dir: "/nowhere".into(),
        scratch_dir: "/nowhere".into(),
    }))
}

#[tokio::test]
async fn a_child_is_ready_reports_and_answers() {
    let text = format!(
        r#"{READY}; read line; echo "a library says hello"
        echo '{{"message":"event","content":{{"event":"stage","stage":"unet"}}}}'
        echo '{{"message":"failed","content":{{"code":"out_of_memory","blame":"owner","sentence":"no"}}}}'; cat"#
    );
    let mut child = started(&text).await;
    child.tell(&run()).await.unwrap();
    assert_eq!(child.next().await.unwrap(), ChildMessage::Event(JobEvent::Stage { stage: Stage::Unet }));
    assert_eq!(child.next().await.unwrap(), ChildMessage::Failed(Failure::new(FailureCode::OutOfMemory, "no")));
    child.kill().await;
}

#[tokio::test]
async fn a_child_that_cannot_open_its_device_is_the_machines_fault_with_its_own_sentence() {
    let unable = r#"echo '{"message":"unable","content":{"code":"device_unavailable","blame":"machine","sentence":"no GPU 3"}}'"#;
    let failure = ChildProcess::start(&script(unable), PATIENCE).await.unwrap_err();
    assert_eq!(failure, Failure::new(FailureCode::DeviceUnavailable, "no GPU 3"));
}

#[tokio::test]
async fn a_child_that_says_nothing_is_given_up_and_killed() {
    let dir = tempfile::tempdir().unwrap();
    let alive = dir.path().join("alive");
    let text = format!("while sleep 0.1; do touch {}; done", alive.display());
    let began = Instant::now();
    let failure = ChildProcess::start(&script(&text), Duration::from_millis(500)).await.unwrap_err();
    assert_eq!(failure.code, FailureCode::ChildStartFailed);
    assert_eq!(failure.sentence, "the process that runs jobs said nothing for 0.5 s");
    assert!(began.elapsed() < PATIENCE);
    tokio::time::sleep(Duration::from_millis(300)).await;
    std::fs::remove_file(&alive).unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!alive.exists(), "nobody is there any more to touch the file");
}

#[tokio::test]
async fn the_way_a_child_died_is_told_and_costs_the_attempt() {
    let cases = [
        ("kill -9 $$", "was killed (signal 9), as the system does when memory runs out"),
        ("kill -6 $$", "was ended by signal 6"),
        ("kill -25 $$", "was ended (signal 25) because it wrote a file larger than this worker allows"),
        ("exit 101", "ended with exit code 101"),
    ];
    for (end, words) in cases {
        let mut child = started(&format!("{READY}; read line; {end}")).await;
        child.tell(&run()).await.unwrap();
        let failure = child.next().await.unwrap_err();
        assert!(failure.sentence.ends_with(words), "{failure}");
        assert_eq!((failure.code, failure.blame), (FailureCode::ChildDied, Blame::Machine));
    }
}

#[tokio::test]
async fn a_program_that_is_not_there_is_a_child_that_cannot_start() {
    let command = ChildCommand { program: "/no/such/program".into(), args: Vec::new() };
    let failure = ChildProcess::start(&command, PATIENCE).await.unwrap_err();
    assert_eq!((failure.code, failure.blame), (FailureCode::ChildStartFailed, Blame::Machine));
}

#[tokio::test]
async fn a_child_leads_a_process_group_of_its_own() {
    let text = format!("{READY}; read line; test $(cut -d ' ' -f 5 /proc/$$/stat) = $$ && exit 7");
    let mut child = started(&text).await;
    child.tell(&run()).await.unwrap();
    assert!(child.next().await.unwrap_err().sentence.ends_with("ended with exit code 7"));
}

#[tokio::test]
async fn a_child_sees_nothing_of_the_environment_but_the_allow_list() {
    // Cargo sets CARGO_PKG_NAME for this test: a stand-in for every secret.
    assert!(std::env::var_os("CARGO_PKG_NAME").is_some());
    let dir = tempfile::tempdir().unwrap();
    let seen = dir.path().join("seen");
    let mut child = started(&format!("env > {}; {READY}; read line", seen.display())).await;
    let seen = std::fs::read_to_string(&seen).unwrap();
    // The shell sets these itself.
    let of_the_shell = ["PWD", "OLDPWD", "SHLVL", "_"];
    let names: Vec<&str> = seen.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    for name in &names {
        assert!(
            is_passed_on(name) || of_the_shell.contains(name) || *name == "OMP_WAIT_POLICY",
            "{name} was passed on"
        );
    }
    assert!(names.contains(&"PATH") && names.contains(&"OMP_WAIT_POLICY"), "{names:?}");
    assert!(!child.has_died());
    child.end(PATIENCE).await;
}

#[test]
fn what_could_be_a_secret_is_not_passed_on_and_the_operators_own_settings_win() {
    let own = [
        ("HF_TOKEN", "hf_secret"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("DREAMBOOTH_MODEL", "mini"),
        ("DATABASE_URL", "postgres://user:secret@host"),
        ("OMP_WAIT_POLICY", "active"),
        ("CUDA_VISIBLE_DEVICES", "1"),
        ("LD_LIBRARY_PATH", "/opt/lib"),
    ];
    let mut passed_on = child_environment(own.iter().map(|(name, value)| ((*name).into(), (*value).into())));
    passed_on.sort();
    let expected = [
        ("CUDA_VISIBLE_DEVICES", "1"),
        ("LD_LIBRARY_PATH", "/opt/lib"),
        ("OMP_WAIT_POLICY", "active"),
        ("THP_MEM_ALLOC_ENABLE", "1"),
    ];
    assert_eq!(passed_on, expected.map(|(name, value)| (name.into(), value.into())));
}
