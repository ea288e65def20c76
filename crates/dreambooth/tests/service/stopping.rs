//! SIGTERM is heard wherever the service is.

use std::io::Read;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::processes::signal;
use crate::support::program;

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
