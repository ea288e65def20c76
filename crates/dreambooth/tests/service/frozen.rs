//! A worker that is given up for lost can do no harm when it comes back, and a job that kills its workers is set aside.

use std::collections::HashMap;

use crate::support::processes::{is_gone, signal};
use crate::support::service::{fetch, wait_for};
use crate::support::{FileServer, Service, Worker, longer_training, photos_zip, quick_picture, quick_training};

#[test]
fn a_frozen_worker_loses_its_job_and_changes_nothing_when_it_thaws() {
    let data = tempfile::tempdir().unwrap();
    let files = FileServer::start(HashMap::from([("photos.zip".into(), photos_zip())]));
    let service = Service::start(data.path(), &["--role", "api", "--lease", "5"]);
    let first = Worker::start(data.path(), "first", &["--allow-private-networks", "--lease", "5"]);
    let training = longer_training(&files.url("photos.zip"), 60);
    let id = service.submit(&training, &[quick_picture()]);
    service.wait_for_step(&id, "unet");
    let frozen: Vec<u32> = first.children().into_iter().chain([first.id()]).collect();
    frozen.iter().for_each(|process| signal(*process, "STOP"));

    let second = Worker::start(data.path(), "second", &["--allow-private-networks", "--lease", "5"]);
    let done = service.wait(&id);
    assert_eq!((done["status"].as_str(), done["retries"].as_i64()), (Some("COMPLETED"), Some(1)), "{done}");
    assert!(done["workerId"].as_str().unwrap().starts_with("second"), "{done}");
    let picture = done["output"]["inference"][0]["images"][0].as_str().unwrap().to_owned();
    let before = fetch(&picture);

    frozen.iter().for_each(|process| signal(*process, "CONT"));
    // It learns that its lease is gone, leaves the job, and is ready for another one.
    wait_for("the thawed worker to give the job up", || {
        let (_, health) = service.get("/v2/dream-booth-v1/health");
        (health["workers"]["idle"] == 2).then_some(())
    });
    let after = service.status(&id);
    assert_eq!((&after["status"], &after["workerId"]), (&done["status"], &done["workerId"]));
    assert!(fetch(&picture) == before, "the frozen attempt's files replaced nothing");
    let (_, health) = service.get("/v2/dream-booth-v1/health");
    assert_eq!((&health["jobs"]["completed"], &health["jobs"]["retried"]), (&1.into(), &1.into()), "{health}");
    drop(second);
}

#[test]
fn a_job_whose_child_is_killed_three_times_is_set_aside_with_its_reason_and_the_next_one_runs() {
    let data = tempfile::tempdir().unwrap();
    let files = FileServer::start(HashMap::from([("photos.zip".into(), photos_zip())]));
    let service = Service::start(data.path(), &["--allow-private-networks"]);
    let training = longer_training(&files.url("photos.zip"), 5000);
    let id = service.submit(&training, &[]);
    for attempt in 1..=3 {
        let child = wait_for("a child that trains", || {
            let view = service.status(&id);
            let trains = view["output"]["stage"] == "unet" && view["retries"].as_i64().unwrap_or(0) == attempt - 1;
            trains.then(|| service.children().first().copied()).flatten()
        });
        signal(child, "KILL");
        wait_for("the child to be gone", || is_gone(child).then_some(()));
    }
    let view = service.wait(&id);
    assert_eq!((view["status"].as_str(), view["code"].as_str()), (Some("FAILED"), Some("child_died")), "{view}");
    let sentence = view["error"].as_str().unwrap();
    assert!(sentence.starts_with("job timed out after 2 retries: ") && sentence.contains("signal 9"), "{sentence}");
    let next = service.submit(&quick_training(&files.url("photos.zip")), &[]);
    assert_eq!(service.wait(&next)["status"], "COMPLETED");
}

#[test]
fn a_cancelled_job_leaves_neither_a_process_at_work_nor_a_file() {
    let data = tempfile::tempdir().unwrap();
    let files = FileServer::start(HashMap::from([("photos.zip".into(), photos_zip())]));
    let service = Service::start(data.path(), &["--allow-private-networks"]);
    let training = longer_training(&files.url("photos.zip"), 5000);
    let id = service.submit(&training, &[]);
    service.wait_for_step(&id, "unet");
    let child = service.children()[0];
    let (status, answer) = service.post(&format!("/v2/dream-booth-v1/cancel/{id}"), &serde_json::json!({}));
    assert_eq!((status, answer["status"].as_str()), (200, Some("CANCELLED")));
    wait_for("the files of the job to go", || service.leftovers().is_empty().then_some(()));
    // The child was told to leave the job: it is there still, with its device open, and does nothing.
    let next = service.submit(&quick_training(&files.url("photos.zip")), &[]);
    assert_eq!(service.wait(&next)["status"], "COMPLETED");
    assert_eq!(service.children(), [child], "the same child did the next job");
    assert_eq!(service.status(&id)["status"], "CANCELLED");
    service.stop();
    wait_for("the child to end with the service", || is_gone(child).then_some(()));
}
