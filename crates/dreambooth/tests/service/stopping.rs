//! SIGTERM is heard wherever the service is, and costs nothing of what was trained.

use std::collections::HashMap;
use std::io::Read;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::processes::signal;
use crate::support::service::{report, trained_bytes};
use crate::support::{FileServer, Service, longer_training, photos_zip, program};

#[test]
fn a_service_stops_at_once_while_its_model_downloads() {
    let data = tempfile::tempdir().unwrap();
    // A hub that takes the question and never answers.
    let hub = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", hub.local_addr().unwrap());
    for role in ["all", "worker"] {
        let mut service = Command::new(program())
            .args(["serve", "--listen", "127.0.0.1:0", "--no-auth", "--allow-private-networks", "--device", "cpu"])
            .args(["--role", role, "--model", "owner/name", "--hub-endpoint", &endpoint, "--data-dir"])
            .arg(data.path())
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (mut asked, _) = hub.accept().unwrap();
        assert!(asked.read(&mut [0; 64]).unwrap() > 0, "the download has begun");
        let begun = Instant::now();
        signal(service.id(), "TERM");
        assert!(service.wait().unwrap().success(), "--role {role}");
        assert!(begun.elapsed() < Duration::from_secs(5), "--role {role} took {:?} to stop", begun.elapsed());
    }
}

#[test]
fn a_service_that_is_stopped_keeps_what_was_trained_and_goes_on_from_there() {
    let data = tempfile::tempdir().unwrap();
    let files = FileServer::start(HashMap::from([("photos.zip".into(), photos_zip())]));
    let service = Service::start(data.path(), &["--allow-private-networks"]);
    let training = longer_training(&files.url("photos.zip"), 20);
    let id = service.submit(&training, &[]);
    let told = service.wait_for_step(&id, "unet");
    let checkpoints = data.path().join(format!("work/local-0/{id}/scratch/checkpoints"));
    let service = service.stop_and_restart(&["--allow-private-networks"], || {
        let steps = std::fs::read_dir(checkpoints).unwrap().filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            name.strip_prefix("unet-").and_then(|step| step.parse::<u64>().ok())
        });
        let kept = steps.max().unwrap();
        assert!(kept >= told["output"]["step"].as_u64().unwrap(), "it was left at step {kept}, and that is kept");
    });
    let view = service.wait(&id);
    assert_eq!((view["status"].as_str(), view["retries"].as_i64()), (Some("COMPLETED"), None), "{view}");
    assert_eq!(report(&view)["resumed"], 1, "it went on");
    let undisturbed = service.wait(&service.submit(&training, &[]));
    assert!(trained_bytes(&view) == trained_bytes(&undisturbed), "other weights");
}
