//! Files of a job: when they can be had, and which of them may be stored.

use std::fs;

use protocol::{ArtifactKey, Blame, FailureCode, JobStatus};

use crate::site::{Site, first_picture};

#[tokio::test]
async fn a_file_can_be_had_while_the_job_runs() {
    let site = Site::new().await;
    let script = r#"job() { echo picture > "$1/0-0.png"; image 0-0.png; until_there "$SITE/go"; done_with 0-0.png; }; ready; serve"#;
    let job = site.submit().await;
    let working = site.work(script);
    let is_file = |record: &protocol::JobRecord| record.progress.as_ref().is_some_and(|event| event["event"] == "file");
    let running = site.until(&job, is_file).await;
    assert_eq!(running.status, JobStatus::InProgress);
    let event = running.progress.unwrap();
    assert_eq!((&event["kind"], &event["seed"]), (&"image".into(), &1.into()));
    let key = ArtifactKey::parse(event["file"]["artifact"].as_str().unwrap()).unwrap();
    assert!(site.has_artifact(&key).await);
    site.touch("go");
    let done = site.until_status(&job, JobStatus::Completed).await;
    assert_eq!(first_picture(&done), key);
    working.stop().await;
}

#[tokio::test]
async fn an_upload_that_hangs_keeps_nobody_from_hearing_the_child() {
    let site = Site::new().await;
    site.break_artifacts();
    let script = r#"job() {
        echo picture > "$1/0-0.png"; image 0-0.png
        i=0; while test $i -lt 2000; do say '{"message":"event","content":{"event":"step","stage":"unet","step":'$i',"total":9999,"its_per_s":1.0,"seconds_left":1.0}}'; i=$((i+1)); done
        note said; done_with 0-0.png; }; ready; serve"#;
    let job = site.submit().await;
    let working = site.work(script);
    site.until_true("the child has said everything", || site.heard("said") == 1).await;
    site.restore_artifacts();
    site.until_status(&job, JobStatus::Completed).await;
    working.stop().await;
}

#[tokio::test]
async fn a_link_that_the_child_left_is_not_followed() {
    let site = Site::new().await;
    fs::write(site.path("secret"), "of the machine").unwrap();
    let script = r#"job() { ln -s "$SITE/secret" "$1/0-0.png"; image 0-0.png; done_with 0-0.png; }; ready; serve"#;
    let job = site.submit().await;
    let working = site.work(script);
    let failed = site.until_status(&job, JobStatus::Failed).await;
    let failure = failed.failure.unwrap();
    assert_eq!(failure.blame, Blame::Machine);
    assert_eq!(failed.attempts, 3, "each attempt began anew and was lost");
    for lease in 1..=3 {
        let key = ArtifactKey::new(&job, lease, "0-0.png").unwrap();
        assert!(!site.has_artifact(&key).await);
    }
    working.stop().await;
}

#[tokio::test]
async fn a_name_that_leads_out_of_the_folder_is_not_stored() {
    let site = Site::new().await;
    fs::write(site.path("secret"), "of the machine").unwrap();
    let job = site.submit().await;
    let working = site.work(r#"job() { image ../../../secret; done_with ../../../secret; }; ready; serve"#);
    let failed = site.until_status(&job, JobStatus::Failed).await;
    assert_ne!(failed.failure.unwrap().code, FailureCode::UploadFailed);
    assert!(failed.output.is_none());
    working.stop().await;
}

#[tokio::test]
async fn of_files_and_attempts_a_child_cannot_tell() {
    let site = Site::new().await;
    let script = r#"job() {
        say '{"message":"event","content":{"event":"file","file":{"artifact":"other-job/1/model.ckpt"},"kind":"model"}}'
        say '{"message":"event","content":{"event":"attempt_lost","attempt":1,"message":"no"}}'
        say '{"message":"event","content":{"event":"warning","message":"yes"}}'
        echo picture > "$1/0-0.png"; done_with 0-0.png; }; ready; serve"#;
    let job = site.submit().await;
    let working = site.work(script);
    site.until_status(&job, JobStatus::Completed).await;
    let events: Vec<String> = site
        .store
        .events(&job, 0)
        .await
        .unwrap()
        .iter()
        .map(|(_, event)| event["event"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(events, ["stage", "warning", "stage"], "download, the warning, upload");
    working.stop().await;
}
