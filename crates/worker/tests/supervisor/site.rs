//! Everything a supervisor works with, in a temporary folder.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::{Duration, Instant};

use jobs::{Clock, Counts, JobStore, MasterKey, NewJob, StoreError, WorkerIdentity};
use protocol::{ArtifactKey, ENDPOINT, FidelityModels, JobId, JobRecord, JobRequest, JobStatus};
use serde_json::{Value, json};
use sqlx::AnyConnection;
use sqlx::Connection as _;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use transfer::{ArtifactStore, Network, NetworkPolicy};
use worker::inputs::ModelStore;
use worker::{ChildCommand, Pauses, Supervisor, SupervisorConfig, Timing};

/// Longer than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What every script begins with: how to say things, how to find the folder to write to, and a log of what was heard.
const PRELUDE: &str = r#"
say() { printf '%s\n' "$1"; }
note() { echo "$1" >> "$SITE/log"; }
ready() { note start; say '{"message":"ready","content":{"device":"cpu"}}'; }
image() { say '{"message":"file","content":{"file":"'"$1"'","kind":"image","item":0,"index":0,"seed":1}}'; }
done_with() { say '{"message":"done","content":{"inference":[{"images":["'"$1"'"],"parameters":{},"info":"{}","passback":null}]}}'; }
stopped() { say '{"message":"stopped"}'; }
until_there() { while ! test -e "$1"; do sleep 0.02; done; }
# Serves commands: `job` is called with the folder to write to.
serve() {
  while read -r line; do
    case "$line" in
      *'"command":"run"'*) note run; job "$(printf '%s' "$line" | sed 's/.*"out_dir":"\([^"]*\)".*/\1/')" ;;
      *'"command":"cancel"'*) note cancel; stopped ;;
      *'"command":"finish_soon"'*) note finish_soon; stopped ;;
      *'"command":"end"'*) note end; exit 0 ;;
    esac
  done
}
"#;

/// A child that makes one picture of a few bytes for every job.
pub(crate) const PAINTER: &str =
    r#"job() { echo picture > "$1/0-0.png"; image 0-0.png; done_with 0-0.png; }; ready; serve"#;
/// A child that never answers by itself.
pub(crate) const SLEEPER: &str =
    r#"job() { say '{"message":"event","content":{"event":"stage","stage":"inference"}}'; }; ready; serve"#;

pub(crate) struct Site {
    pub(crate) dir: TempDir,
    pub(crate) store: JobStore,
    pub(crate) artifacts: ArtifactStore,
}

/// A supervisor at work.
pub(crate) struct Working {
    pub(crate) shutdown: CancellationToken,
    pub(crate) supervisor: JoinHandle<Result<(), StoreError>>,
}

impl Site {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::Manual(Arc::new(AtomicI64::new(1_000_000)));
        let store = JobStore::open(&dir.path().join("jobs.db"), clock, MasterKey::from_bytes([7; 32])).await.unwrap();
        let artifacts = ArtifactStore::local(dir.path().join("artifacts")).unwrap();
        Self { dir, store, artifacts }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The folder of a job of the worker `local-0`.
    pub(crate) fn job_dir(&self, job: &JobId) -> PathBuf {
        self.path("work").join(job.as_str())
    }

    pub(crate) fn config(&self, script: &str) -> SupervisorConfig {
        let text = format!("SITE='{}'\n{PRELUDE}\n{script}", self.dir.path().display());
        SupervisorConfig {
            worker: WorkerIdentity::random("local-0").unwrap(),
            child: ChildCommand { program: "/bin/sh".into(), args: vec!["-c".into(), text.into()] },
            work_dir: self.path("work"),
            models: ModelStore {
                default_model: "mini".into(),
                hub_endpoint: "http://127.0.0.1:9".into(),
                cache_dir: self.path("models"),
                cache_bytes_max: None,
            },
            checkpoint_steps: None,
            fidelity: FidelityModels::default(),
            timing: Timing {
                heartbeat: Duration::from_millis(50),
                poll: Duration::from_millis(20),
                child_start: Duration::from_secs(10),
                grace: Duration::from_secs(5),
                checkpoint: Duration::from_secs(5),
                pauses: Pauses { first: Duration::from_millis(20), longest: Duration::from_millis(100) },
            },
        }
    }

    /// Starts a supervisor whose child runs `script`.
    pub(crate) fn work(&self, script: &str) -> Working {
        self.work_as(self.config(script))
    }

    pub(crate) fn work_as(&self, config: SupervisorConfig) -> Working {
        let network = Network::new(NetworkPolicy { allow_private_networks: true }).unwrap();
        let supervisor = Supervisor::new(self.store.clone(), network, self.artifacts.clone(), config);
        let shutdown = CancellationToken::new();
        let supervisor = tokio::spawn(supervisor.run(shutdown.clone()));
        Working { shutdown, supervisor }
    }

    /// A job that draws one picture.
    pub(crate) async fn submit(&self) -> JobId {
        self.submit_as(json!({"inference": [{"prompt": "a dog"}]}), None).await
    }

    pub(crate) async fn submit_as(&self, input: Value, execution_timeout_ms: Option<i64>) -> JobId {
        let body = json!({ "input": input });
        let request = JobRequest::parse(body.clone()).unwrap();
        let id = JobId::random();
        let mut job = NewJob::new(id.clone(), ENDPOINT, body, serde_json::to_value(&request.settings).unwrap());
        job.secrets = Some(serde_json::to_value(&request.sealed).unwrap());
        job.execution_timeout_ms = execution_timeout_ms;
        self.store.submit(job, None).await.unwrap();
        id
    }

    pub(crate) async fn get(&self, job: &JobId) -> JobRecord {
        self.store.get(job).await.unwrap().unwrap()
    }

    /// The job once it is as `wanted` says.
    pub(crate) async fn until(&self, job: &JobId, wanted: impl Fn(&JobRecord) -> bool) -> JobRecord {
        let began = Instant::now();
        loop {
            let record = self.get(job).await;
            if wanted(&record) {
                return record;
            }
            assert!(began.elapsed() < PATIENCE, "the job stays {record:?}; the child heard {:?}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn until_status(&self, job: &JobId, status: JobStatus) -> JobRecord {
        self.until(job, |record| record.status == status).await
    }

    pub(crate) async fn until_true(&self, what: &str, wanted: impl Fn() -> bool) {
        let began = Instant::now();
        while !wanted() {
            assert!(began.elapsed() < PATIENCE, "{what}; the child heard {:?}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn counts(&self) -> Counts {
        self.store.counts(ENDPOINT).await.unwrap()
    }

    /// What the children noted, word by word.
    pub(crate) fn log(&self) -> Vec<String> {
        let log = fs::read_to_string(self.path("log")).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }

    pub(crate) fn heard(&self, word: &str) -> usize {
        self.log().iter().filter(|line| *line == word).count()
    }

    pub(crate) fn touch(&self, name: &str) {
        fs::write(self.path(name), "").unwrap();
    }

    pub(crate) async fn has_artifact(&self, key: &ArtifactKey) -> bool {
        self.artifacts.open(key).await.unwrap().is_some()
    }

    /// Takes the artifact store away until [`Site::restore_artifacts`]: a file is where its folder was.
    pub(crate) fn break_artifacts(&self) {
        fs::rename(self.path("artifacts"), self.path("artifacts.away")).unwrap();
        self.touch("artifacts");
    }

    pub(crate) fn restore_artifacts(&self) {
        fs::remove_file(self.path("artifacts")).unwrap();
        fs::rename(self.path("artifacts.away"), self.path("artifacts")).unwrap();
    }

    /// Runs a statement behind the store's back.
    pub(crate) async fn sql(&self, statement: &'static str) {
        let url = format!("sqlite://{}", self.path("jobs.db").display());
        let mut connection = AnyConnection::connect(&url).await.unwrap();
        sqlx::raw_sql("PRAGMA busy_timeout = 10000").execute(&mut connection).await.unwrap();
        sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}

impl Working {
    /// Stops the worker and waits for it.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(PATIENCE, self.supervisor).await.unwrap().unwrap().unwrap();
    }

    /// The worker's process dies: nothing more is said.
    pub(crate) async fn crash(self) {
        self.supervisor.abort();
        drop(self.supervisor.await);
    }
}

/// The key of the first picture of a finished job.
pub(crate) fn first_picture(record: &JobRecord) -> ArtifactKey {
    let output = record.output.as_ref().unwrap();
    ArtifactKey::parse(output["inference"][0]["images"][0]["artifact"].as_str().unwrap()).unwrap()
}
