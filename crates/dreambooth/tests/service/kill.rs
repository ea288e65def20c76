//! Nothing that was acknowledged is lost: kill -9 at the worst places. And nothing of what was trained but the last steps: the
//! weights are those of a job that nobody disturbed, to the bit.

use std::collections::HashMap;

use crate::support::processes::{is_gone, signal};
use crate::support::service::{OPERATORS_TOKEN, report, trained_bytes, wait_for};
use crate::support::{FileServer, Service, longer_training, photos_zip, quick_picture, quick_training};

/// A worker that keeps every fourth step.
const CHECKPOINTS: [&str; 3] = ["--allow-private-networks", "--checkpoint-steps", "4"];

#[test]
fn a_queued_job_survives_the_death_of_the_server() {
    let data = tempfile::tempdir().unwrap();
    let files = FileServer::start(HashMap::from([("photos.zip".into(), photos_zip())]));
    let api_only = Service::start(data.path(), &["--role", "api"]);
    let id = api_only.submit(&quick_training(&files.url("photos.zip")), &[quick_picture()]);
    let service = api_only.kill_and_restart(&["--allow-private-networks"]);
    let view = service.wait(&id);
    assert_eq!(view["status"], "COMPLETED", "{view}");
    assert_eq!(service.get("/v2/dream-booth-v1/health").1["jobs"]["completed"], 1);
}

#[test]
fn a_job_whose_child_is_killed_while_it_trains_goes_on_to_the_same_bits_and_completes_once() {
    let data = tempfile::tempdir().unwrap();
    let files = FileServer::start(HashMap::from([("photos.zip".into(), photos_zip())]));
    let service = Service::start(data.path(), &CHECKPOINTS);
    let training = longer_training(&files.url("photos.zip"), 20);
    let id = service.submit(&training, &[quick_picture()]);
    service.wait_for_step(&id, "unet");
    let children = service.children();
    assert_eq!(children.len(), 1, "one child holds the device");
    let environment = std::fs::read(format!("/proc/{}/environ", children[0])).unwrap();
    assert!(!String::from_utf8_lossy(&environment).contains(OPERATORS_TOKEN), "the child is handed no token");
    signal(children[0], "KILL");
    let view = service.wait(&id);
    assert_eq!((view["status"].as_str(), view["retries"].as_i64()), (Some("COMPLETED"), Some(1)), "{view}");
    assert_eq!(service.get("/v2/dream-booth-v1/health").1["jobs"]["completed"], 1);
    assert_eq!(report(&view)["resumed"], 1, "it went on");
    let undisturbed = service.wait(&service.submit(&training, &[]));
    assert_eq!(report(&undisturbed)["resumed"], 0);
    assert_eq!(report(&view)["stages"][1]["losses"], report(&undisturbed)["stages"][1]["losses"]);
    assert!(trained_bytes(&view) == trained_bytes(&undisturbed), "other weights");
}

#[test]
fn a_job_in_progress_survives_the_death_of_the_server_and_its_child_dies_with_it() {
    let data = tempfile::tempdir().unwrap();
    let files = FileServer::start(HashMap::from([("photos.zip".into(), photos_zip())]));
    let mut service = Service::start(data.path(), &CHECKPOINTS);
    let training = longer_training(&files.url("photos.zip"), 20);
    let id = service.submit(&training, &[]);
    service.wait_for_step(&id, "unet");
    let child = service.children()[0];
    service.kill();
    wait_for("the child to end", || is_gone(child).then_some(()));
    let service = service.kill_and_restart(&CHECKPOINTS);
    let view = service.wait(&id);
    assert_eq!((view["status"].as_str(), view["retries"].as_i64()), (Some("COMPLETED"), Some(1)), "{view}");
    assert_eq!(report(&view)["resumed"], 1, "it went on");
    let undisturbed = service.wait(&service.submit(&training, &[]));
    assert!(trained_bytes(&view) == trained_bytes(&undisturbed), "other weights");
    assert!(service.leftovers().iter().all(|file| file.starts_with(data.path().join("artifacts"))));
}
