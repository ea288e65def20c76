//! The serving half of the program, as its operator meets it: keys, who is let in, and a data directory that is closed to
//! others. It needs no tensor engine, so it runs with either build.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// Longest a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(60);
const HEALTH: &str = "/v2/dream-booth-v1/health";

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_dreambooth"))
}

fn keys(data_dir: &Path, words: &[&str]) -> Output {
    program().arg("keys").args(words).arg("--data-dir").arg(data_dir).output().unwrap()
}

#[track_caller]
fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", complaint(output));
    String::from_utf8(output.stdout.clone()).unwrap().trim().to_owned()
}

fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}

/// An API process on a free port of loopback; it ends with the test.
struct Api {
    process: Child,
    url: String,
    log: PathBuf,
}

impl Api {
    fn start(data_dir: &Path, extra: &[&str]) -> Self {
        let log = data_dir.with_extension("log");
        let process = program()
            .args(["serve", "--role", "api", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data_dir)
            .args(extra)
            .stdin(Stdio::null())
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut api = Self { process, url: String::new(), log };
        api.url = api.wait_for("the server to listen", || fs::read_to_string(data_dir.join("listening")).ok());
        api
    }

    fn wait_for<T>(&self, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
        let begin = Instant::now();
        loop {
            if let Some(answer) = ask() {
                return answer;
            }
            assert!(begin.elapsed() < PATIENCE, "waited too long for {what}:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn get(&self, path: &str, headers: &[(&str, &str)]) -> (u16, Value) {
        let mut request = agent().get(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.call().unwrap())
    }

    fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> (u16, Value) {
        let mut request = agent().post(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.send_json(body).unwrap())
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        let _may_have_ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().into()
}

fn answer(mut response: ureq::http::Response<ureq::Body>) -> (u16, Value) {
    (response.status().as_u16(), response.body_mut().read_json().unwrap())
}

fn drawing() -> Value {
    json!({"input": {"inference": [{"prompt": "p"}]}})
}

/// A folder of the test's own, and a data directory in it that is not there yet.
fn fresh() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let data_dir = dir.path().join("data");
    (dir, data_dir)
}

#[test]
fn a_server_without_keys_lets_nobody_in_and_says_how_to_make_one() {
    let (_dir, data_dir) = fresh();
    let api = Api::start(&data_dir, &[]);
    let command = format!("dreambooth keys create --data-dir {}", data_dir.display());
    api.wait_for("the hint", || api.log().contains(&command).then_some(()));
    assert_eq!(api.get(HEALTH, &[]).0, 401);
    assert_eq!(api.post("/v2/dream-booth-v1/run", &[], &drawing()).0, 401);
    // The very command, at the running server.
    let key = printed(&keys(&data_dir, &["create"]));
    assert_eq!(api.get(HEALTH, &[("authorization", &key)]).0, 200);
}

#[test]
fn keys_are_made_listed_and_revoked() {
    let (_dir, data_dir) = fresh();
    let reader = printed(&keys(&data_dir, &["create", "--name", "viewer", "--scope", "read"]));
    let here = ["create", "--name", "mine", "--scope", "read,write", "--endpoint", "dream-booth-v1"];
    let writer = printed(&keys(&data_dir, &here));
    let listed = printed(&keys(&data_dir, &["list"]));
    assert!(listed.contains("viewer\tread\tall endpoints\tmade 2"), "{listed}");
    assert!(listed.contains("mine\tread,write\tdream-booth-v1\tmade 2"), "{listed}");
    assert!(!listed.contains(&reader) && !listed.contains(&writer), "only their hashes are kept");

    let api = Api::start(&data_dir, &[]);
    let bearer = |key: &str| format!("Bearer {key}");
    let run = |key: &str| api.post("/v2/dream-booth-v1/run", &[("authorization", &bearer(key))], &drawing()).0;
    assert_eq!((run(&reader), run(&writer)), (403, 200));
    printed(&keys(&data_dir, &["revoke", "mine"]));
    assert_eq!(run(&writer), 401);
    printed(&keys(&data_dir, &["revoke", "viewer"]));
    assert_eq!(api.get(HEALTH, &[]).0, 401, "revoking the last key opens nothing");

    let again = keys(&data_dir, &["revoke", "mine"]);
    assert!(!again.status.success());
    assert_eq!(complaint(&again), "error: no key is named \"mine\"; dreambooth keys list shows all");
    for (words, sentence) in [
        (["create", "--scope", "admin"], "known are read, write, worker"),
        (["create", "--endpoint", "dreambooth"], "dream-booth-v1"),
    ] {
        let refused = keys(&data_dir, &words);
        assert!(!refused.status.success() && complaint(&refused).contains(sentence), "{}", complaint(&refused));
    }
}

#[test]
fn no_auth_is_for_programs_of_this_machine_alone() {
    let (_dir, data_dir) = fresh();
    let open =
        program().args(["serve", "--no-auth", "--listen", "0.0.0.0:0", "--data-dir"]).arg(&data_dir).output().unwrap();
    assert!(!open.status.success());
    assert_eq!(
        complaint(&open),
        "error: --no-auth is given, but --listen is 0.0.0.0:0, which others can reach; leave --no-auth out and make a key \
         with dreambooth keys create, or listen on 127.0.0.1"
    );
    let api = Api::start(&data_dir, &["--no-auth"]);
    assert_eq!(api.get(HEALTH, &[]).0, 200);
    assert_eq!(api.post("/v2/dream-booth-v1/run", &[], &drawing()).0, 200);
    assert_eq!(api.get(HEALTH, &[("host", "evil.example")]).0, 403);
    assert_eq!(api.post("/v2/dream-booth-v1/run", &[("origin", "http://evil.example")], &drawing()).0, 403);
}

#[test]
fn nobody_else_may_look_into_the_data_directory() {
    let (_dir, data_dir) = fresh();
    // As an earlier program, or an operator, may have left it.
    fs::create_dir(&data_dir).unwrap();
    fs::set_permissions(&data_dir, fs::Permissions::from_mode(0o755)).unwrap();
    let key = printed(&keys(&data_dir, &["create"]));
    let api = Api::start(&data_dir, &[]);
    assert_eq!(api.post("/v2/dream-booth-v1/run", &[("authorization", &key)], &drawing()).0, 200);
    let found = entries_of(&data_dir);
    for expected in ["", "jobs.db", "jobs.db-wal", "jobs.db-shm", "master.key", "signing.key", "listening", "artifacts"]
    {
        assert!(found.iter().any(|(path, _)| *path == data_dir.join(expected)), "{expected} is missing: {found:?}");
    }
    for (path, mode) in found {
        assert_eq!(mode & 0o077, 0, "{} has the mode {mode:o}", path.display());
    }
}

/// A folder and everything in it, with modes.
fn entries_of(dir: &Path) -> Vec<(PathBuf, u32)> {
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    let below = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let below =
        below.flat_map(|path| if path.is_dir() { entries_of(&path) } else { vec![(path.clone(), mode(&path))] });
    std::iter::once((dir.join(""), mode(dir))).chain(below).collect()
}

#[test]
fn a_folder_of_everybodys_files_is_no_data_directory() {
    let (_dir, data_dir) = fresh();
    fs::create_dir(&data_dir).unwrap();
    fs::set_permissions(&data_dir, fs::Permissions::from_mode(0o1777)).unwrap();
    let refused = keys(&data_dir, &["list"]);
    assert!(!refused.status.success());
    assert!(complaint(&refused).contains("is a folder for everybody's files; give a folder of its own"));
    assert_eq!(fs::metadata(&data_dir).unwrap().permissions().mode() & 0o7777, 0o1777, "it is left as it was");
}
