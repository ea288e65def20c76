//! What "acknowledged" means: counted on the system calls of the running service, and over a kill at the worst moments.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use serde_json::json;

use crate::support::service::fetch;
use crate::support::{Service, quick_picture};

/// A job that no worker of the test takes.
fn waiting_job() -> serde_json::Value {
    json!({"input": {"inference": [quick_picture()]}})
}

#[test]
fn every_acknowledged_job_was_synced_to_the_disk_first() {
    if Command::new("strace").arg("--version").output().is_err() {
        writeln!(std::io::stdout(), "skipped: strace is not installed (apt-get install strace)").unwrap();
        return;
    }
    const JOBS: usize = 10;
    let data = tempfile::tempdir().unwrap();
    let trace = data.path().join("trace");
    let strace = ["strace", "-D", "-f", "-y", "-e", "trace=fsync,fdatasync", "-o", trace.to_str().unwrap()];
    let service = Service::start_under(&strace, data.path(), &["--role", "api"]);
    let syncs = || {
        let text = std::fs::read_to_string(&trace).unwrap_or_default();
        text.lines().filter(|line| line.contains("jobs.db-wal>") && line.contains("sync(")).count()
    };
    for job in 0..JOBS {
        let before = syncs();
        let (status, _) = service.post("/v2/dream-booth-v1/run", &waiting_job());
        assert_eq!(status, 200);
        assert!(syncs() > before, "job {job} was acknowledged without a sync of the database's log");
    }
    println!("{JOBS} jobs acknowledged, {} syncs of the write-ahead log", syncs());
}

#[test]
fn a_webhook_whose_sender_is_killed_before_it_could_note_the_answer_is_sent_again() {
    let data = tempfile::tempdir().unwrap();
    let receiver = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/hook", receiver.local_addr().unwrap());
    let mut service = Service::start(data.path(), &["--allow-private-networks"]);
    let mut job = waiting_job();
    job["webhook"] = address.into();
    let (_, accepted) = service.post("/v2/dream-booth-v1/run", &job);
    let id = accepted["id"].as_str().unwrap().to_owned();

    let (_unanswered, first) = receive(&receiver);
    service.kill();
    let service = service.kill_and_restart(&["--allow-private-networks"]);
    let (mut stream, second) = receive(&receiver);
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
    for delivery in [&first, &second] {
        assert!(delivery.contains(&format!("x-job-id: {id}")) && delivery.contains("\"COMPLETED\""), "{delivery}");
    }
    assert!(first.contains("x-webhook-attempt: 1") && second.contains("x-webhook-attempt: 2"));
    assert_eq!(service.status(&id)["status"], "COMPLETED");
}

/// Takes one request, head and body, and leaves the connection open.
fn receive(listener: &TcpListener) -> (TcpStream, String) {
    let (stream, _) = listener.accept().unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut text, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let line = line.to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
        text += &line;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    text += &String::from_utf8(body).unwrap();
    (stream, text)
}

#[test]
fn the_same_seed_gives_the_same_bits_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let mut item = quick_picture();
    item["sampler_name"] = "Euler a".into();
    let draw = |service: &Service| {
        let (_, accepted) = service.post("/v2/dream-booth-v1/run", &json!({"input": {"inference": [item]}}));
        let view = service.wait(accepted["id"].as_str().unwrap());
        fetch(view["output"]["inference"][0]["images"][0].as_str().unwrap())
    };
    let service = Service::start(data.path(), &[]);
    let before = draw(&service);
    let service = service.kill_and_restart(&[]);
    assert!(draw(&service) == before);
    // The warm model draws what the freshly loaded one drew.
    assert!(draw(&service) == before);
}
