//! No body of ten megabytes, whatever is in it, makes the server large or is repeated to its sender.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking and tells what it saw")]

mod site;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use server::{Access, BODY_MAX_BYTES};
use site::Site;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Most memory that the server process may ever have had.
const MEMORY_MAX_MB: u64 = 500;
/// Longest answer: one sentence.
const ANSWER_MAX_BYTES: usize = 4096;
/// Says to this program that it is the server and no test.
const SERVES: &str = "DREAMBOOTH_TEST_SERVES";

/// A server in a process of its own, whose memory is its own.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start() -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_server_under_test", "--nocapture"])
            .env(SERVES, "1")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address =
            lines.map(Result::unwrap).find_map(|line| line.split_once("listening on ").map(|(_, at)| at.into()));
        Self { process, address: address.unwrap() }
    }

    /// The most memory the process has ever had, in MB.
    fn peak_mb(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024 / 1_000_000
    }

    fn send(&self, body: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let head = format!(
            "POST /v2/dream-booth-v1/run HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _may_have_ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// No test by itself: what [`Server::start`] runs.
#[test]
fn the_server_under_test() {
    if std::env::var_os(SERVES).is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let site = Site::with(|config| config.access = Access::ThisMachine { port: address.port() }).await;
        println!("listening on {address}");
        server::serve(listener, site.state.clone(), CancellationToken::new()).await.unwrap();
    });
}

/// A body of just the greatest length: `unit` again and again between `begin` and `end`.
fn filled(begin: &str, unit: &str, end: &str) -> Vec<u8> {
    let mut body = begin.as_bytes().to_vec();
    while body.len() + unit.len() + end.len() <= BODY_MAX_BYTES {
        body.extend_from_slice(unit.as_bytes());
    }
    body.extend_from_slice(end.as_bytes());
    body
}

fn hostile_bodies() -> Vec<(&'static str, Vec<u8>)> {
    let objects: String = (0..40_000).map(|n| format!("{{\"{n}\":{{\"{n}\":0}}}},")).collect();
    let keys: String = (0..99_990).map(|n| format!("\"{n}\":0,")).collect();
    vec![
        ("nulls", filled("[", "null,", "null]")),
        ("digits", filled("[", "1,", "1]")),
        ("empty objects", filled("[", "{},", "{}]")),
        ("empty lists", filled("[", "[],", "[]]")),
        ("small objects", filled("[", "{\"\":{\"\":0}},", "0]")),
        ("deep lists", filled("", "[", "")),
        ("deep objects", filled("", "{\"\":", "")),
        ("lists of depth 100", filled("[", &format!("{}{},", "[".repeat(100), "]".repeat(100)), "0]")),
        ("as many objects as may be", filled(&format!("{{\"input\":[{objects}0],\"filler\":\""), "x", "\"}")),
        ("as many keys as may be", filled(&format!("{{\"input\":{{{keys}\"x\":\""), "x", "\"}}")),
        ("one text", filled("\"", "x", "\"")),
        ("one escaped text", filled("\"", "\\u00e9", "\"")),
        ("a text for a number", filled("{\"input\":{\"train\":{\"text_steps\":\"", "9", "\"}}}")),
        ("one key", filled("{\"", "k", "\":0}")),
        ("one unknown parameter", filled("{\"input\":{\"train\":{\"", "k", "\":0}}}")),
        ("one number", filled("", "1", "")),
        ("one fraction", filled("0.", "0", "1")),
        ("one exponent", filled("1e", "9", "")),
        ("a number for a text", filled("{\"input\":{\"train\":{\"data_url\":", "1", "}}}")),
        ("a passback", filled("{\"input\":{\"inference\":[{\"prompt\":\"p\",\"passback\":[", "0,", "0]}]}}")),
        ("a prompt", filled("{\"input\":{\"inference\":[{\"prompt\":\"", "p", "\"}]}}")),
        ("a webhook", filled("{\"input\":{\"inference\":[{\"prompt\":\"p\"}]},\"webhook\":\"http://a/", "p", "\"}")),
        (
            "something that is ignored",
            filled("{\"input\":{\"inference\":[{\"prompt\":\"p\"}]},\"more\":\"", "p", "\"}"),
        ),
        ("no text at all", vec![0xff; BODY_MAX_BYTES]),
    ]
}

#[test]
fn any_body_of_ten_megabytes_leaves_the_server_below_500_mb_and_is_not_repeated() {
    for (name, body) in hostile_bodies() {
        let server = Server::start();
        let before_mb = server.peak_mb();
        let begin = Instant::now();
        let answer = server.send(&body);
        let (took, peak_mb) = (begin.elapsed(), server.peak_mb());
        let status = answer.split(' ').nth(1).unwrap_or_default();
        println!("{name:>26}: {before_mb} MB, then {peak_mb} MB at most; {status} after {took:.1?}");
        assert!(peak_mb < MEMORY_MAX_MB, "{name}: {peak_mb} MB");
        assert!(answer.len() < ANSWER_MAX_BYTES, "{name} is answered with {} bytes", answer.len());
        let expected = if name == "something that is ignored" { "200" } else { "400" };
        assert_eq!(status, expected, "{name}: {answer}");
    }
}

#[test]
fn many_large_bodies_at_once_stay_below_500_mb_too_and_small_requests_pass_them() {
    let server = Server::start();
    let (_, heaviest) = hostile_bodies().swap_remove(8);
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| assert!(server.send(&heaviest).starts_with("HTTP/1.1 400")));
        }
        let begin = Instant::now();
        let answer = server.send(br#"{"input":{"inference":[{"prompt":"p"}]}}"#);
        println!("a small request beside twelve large ones: {:.1?}", begin.elapsed());
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    });
    println!("twelve of the heaviest at once: {} MB at most", server.peak_mb());
    assert!(server.peak_mb() < MEMORY_MAX_MB, "{} MB", server.peak_mb());
}
