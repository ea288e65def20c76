//! One `dreambooth serve` process and a client for it.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::processes::{children_of, signal};
use super::program;

/// Longest a test waits for anything; far above what it takes on two slow cores.
const PATIENCE: Duration = Duration::from_secs(120);

/// In the environment of every service under test.
pub(crate) const OPERATORS_TOKEN: &str = "hf_operators_own_token";

/// Ends with the test, by SIGKILL.
pub(crate) struct Service {
    process: Child,
    data_dir: PathBuf,
    url: String,
    key: String,
}

impl Service {
    /// Starts on `data_dir` with `random:mini` on the CPU, and waits until it listens.
    pub(crate) fn start(data_dir: &Path, extra: &[&str]) -> Self {
        Self::start_under(&[], data_dir, extra)
    }

    /// [`Service::start`] by way of a program that starts it in its own place, such as `strace -D`.
    pub(crate) fn start_under(starter: &[&str], data_dir: &Path, extra: &[&str]) -> Self {
        let key = create_key(data_dir);
        Self::start_with_key(starter, data_dir, key, extra)
    }

    fn start_with_key(starter: &[&str], data_dir: &Path, key: String, extra: &[&str]) -> Self {
        let listening = data_dir.join("listening");
        let _from_a_former_life = fs::remove_file(&listening);
        let log = fs::File::options().create(true).append(true).open(data_dir.join("log")).unwrap();
        let words: Vec<OsString> = starter.iter().map(Into::into).chain([program().into()]).collect();
        let process = Command::new(&words[0])
            .args(&words[1..])
            .args(["serve", "--listen", "127.0.0.1:0", "--model", "random:mini", "--device", "cpu", "--data-dir"])
            .arg(data_dir)
            .args(extra)
            // As an operator may have it; see the test of what the child inherits.
            .env("HF_TOKEN", OPERATORS_TOKEN)
            .stderr(log)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let url =
            wait_for("the service to listen", || fs::read_to_string(&listening).ok().filter(|url| !url.is_empty()));
        Self { process, data_dir: data_dir.into(), url, key }
    }

    /// Kills the process as a power cut would, and starts another on the same data.
    pub(crate) fn kill_and_restart(mut self, extra: &[&str]) -> Self {
        self.kill();
        Self::start_with_key(&[], &self.data_dir.clone(), self.key.clone(), extra)
    }

    /// Stops the process as an operator would, and starts another on the same data once `between` has been looked at.
    pub(crate) fn stop_and_restart(mut self, extra: &[&str], between: impl FnOnce()) -> Self {
        self.end_in_good_order();
        between();
        Self::start_with_key(&[], &self.data_dir.clone(), self.key.clone(), extra)
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// SIGTERM; returns when the process has ended by itself.
    pub(crate) fn stop(mut self) {
        self.end_in_good_order();
    }

    fn end_in_good_order(&mut self) {
        signal(self.process.id(), "TERM");
        assert!(self.process.wait().unwrap().success(), "the service ended badly");
    }

    /// Ids of the processes this one has started.
    pub(crate) fn children(&self) -> Vec<u32> {
        children_of(self.process.id())
    }

    /// Sends a request; gives status and JSON body.
    pub(crate) fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let response = agent()
            .post(format!("{}{path}", self.url))
            .header("Authorization", format!("Bearer {}", self.key))
            .send_json(body)
            .unwrap();
        answer(response)
    }

    /// Asks; gives status and JSON body.
    pub(crate) fn get(&self, path: &str) -> (u16, Value) {
        let request = agent().get(format!("{}{path}", self.url)).header("Authorization", &self.key);
        answer(request.call().unwrap())
    }

    /// Submits a job and gives its id.
    pub(crate) fn submit(&self, train: &Value, inference: &[Value]) -> String {
        let (status, body) =
            self.post("/v2/dream-booth-v1/run", &json!({"input": {"train": train, "inference": inference}}));
        assert_eq!((status, &body["status"]), (200, &json!("IN_QUEUE")), "{body}");
        body["id"].as_str().unwrap().to_owned()
    }

    /// The job's v2 view.
    pub(crate) fn status(&self, id: &str) -> Value {
        self.get(&format!("/v2/dream-booth-v1/status/{id}")).1
    }

    /// Waits until the job has ended, and gives its view.
    pub(crate) fn wait(&self, id: &str) -> Value {
        wait_for("the job to end", || {
            let view = self.status(id);
            let ended = !matches!(view["status"].as_str(), Some("IN_QUEUE" | "IN_PROGRESS"));
            ended.then_some(view)
        })
    }

    /// Waits until the job reports a step of `stage`.
    pub(crate) fn wait_for_step(&self, id: &str, stage: &str) -> Value {
        wait_for("the job to train", || {
            let view = self.status(id);
            assert_ne!(view["status"], "FAILED", "{view}");
            let progress = &view["output"];
            (progress["event"] == "step" && progress["stage"] == stage).then(|| view.clone())
        })
    }

    /// Files below the data directory, without the database, the log and the keys: what a job may leave behind.
    pub(crate) fn leftovers(&self) -> Vec<PathBuf> {
        ["work", "artifacts"].iter().flat_map(|dir| files_below(&self.data_dir.join(dir))).collect()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _may_have_ended = self.process.kill();
        let _reaped = self.process.wait();
        if std::thread::panicking() {
            eprintln!("{}", fs::read_to_string(self.data_dir.join("log")).unwrap_or_default());
        }
    }
}

/// Fetches a file by the URL that a view gave.
pub(crate) fn fetch(url: &str) -> Vec<u8> {
    let mut response = agent().get(url).call().unwrap();
    assert_eq!(response.status(), 200, "{url}");
    response.body_mut().with_config().limit(1 << 30).read_to_vec().unwrap()
}

/// The report of a completed training.
pub(crate) fn report(view: &Value) -> Value {
    serde_json::from_slice(&fetch(view["output"]["train"]["report_url"].as_str().unwrap())).unwrap()
}

/// The trained model's file.
pub(crate) fn trained_bytes(view: &Value) -> Vec<u8> {
    fetch(view["output"]["train"]["safetensors_url"].as_str().unwrap())
}

/// Asks again and again until there is an answer.
pub(crate) fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(started.elapsed() < PATIENCE, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().into()
}

fn answer(mut response: ureq::http::Response<ureq::Body>) -> (u16, Value) {
    (response.status().as_u16(), response.body_mut().read_json().unwrap())
}

fn create_key(data_dir: &Path) -> String {
    let made = Command::new(program()).args(["keys", "create", "--data-dir"]).arg(data_dir).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8(made.stdout).unwrap().trim().to_owned()
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    entries
        .map_while(Result::ok)
        .flat_map(|entry| if entry.path().is_dir() { files_below(&entry.path()) } else { vec![entry.path()] })
        .collect()
}
