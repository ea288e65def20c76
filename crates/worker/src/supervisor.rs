//! Claims, runs and finishes jobs, one at a time.
//!
//! The supervisor owns the lease and the child. Every write to the store carries the lease, so a supervisor that was given
//! up for lost can do no harm. It never touches a tensor: what may crash, crashes in the child.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use jobs::{Claim, JobStore, Lease, LeaseLost, LeaseState, WorkerState};
use protocol::child::ChildOutput;
use protocol::{Assignment, ChildMessage, JobEvent, JobOutput, JobRequest, Stage};
use tokio_util::sync::CancellationToken;
use transfer::{ArtifactStore, Network};

use crate::child_process::{ChildCommand, ChildProcess};
use crate::heartbeat::Heartbeat;
use crate::inputs::{self, AttemptDir, ModelStore};
use crate::throttle::Throttle;
use crate::{WorkerError, outputs};

/// What a supervisor must know.
#[derive(Debug, Clone)]
pub struct SupervisorConfig {
    /// This worker's name in the store; the same after a restart, so that it can give up its former life's leases.
    pub worker: String,
    /// How to start the child.
    pub child: ChildCommand,
    /// Attempts have their folders here.
    pub work_dir: PathBuf,
    /// Base models.
    pub models: ModelStore,
    /// How long a claim lasts without a heartbeat.
    pub lease_ms: i64,
    /// Time between heartbeats; well below a third of the lease.
    pub heartbeat: Duration,
    /// Time between looks at the queue; wake-ups within the process are faster.
    pub poll: Duration,
}

impl SupervisorConfig {
    /// A minute's lease outlives several missed beats, and a dead worker is noticed soon.
    pub const LEASE_MS: i64 = 60_000;
    /// Also how soon a cancelled job that reports no progress is noticed.
    pub const HEARTBEAT: Duration = Duration::from_secs(5);
    /// The queue is looked at this often even if no wake-up came.
    pub const POLL: Duration = Duration::from_secs(1);
}

/// See the module.
#[derive(Debug)]
pub struct Supervisor {
    store: JobStore,
    network: Network,
    artifacts: ArtifactStore,
    config: SupervisorConfig,
    /// Kept between jobs, so that the device stays open.
    child: Option<ChildProcess>,
}

impl Supervisor {
    /// A supervisor that has not begun.
    pub fn new(store: JobStore, network: Network, artifacts: ArtifactStore, config: SupervisorConfig) -> Self {
        Self { store, network, artifacts, config, child: None }
    }

    /// Works until `shutdown`; a job in hand then goes back to the queue.
    ///
    /// # Errors
    /// When the store cannot be reached at the start. Later faults of the store are logged and outlived.
    pub async fn run(mut self, shutdown: CancellationToken) -> Result<(), WorkerError> {
        self.store.register_worker(&self.config.worker).await?;
        self.store.release_worker(&self.config.worker).await?;
        inputs::sweep(&self.config.work_dir);
        let store = self.store.clone();
        while !shutdown.is_cancelled() {
            // Taken before the look at the queue, so that no change in between is missed.
            let changed = store.changed();
            match store.claim(&self.config.worker, self.config.lease_ms).await {
                Ok(Some(claim)) => self.work_on(claim, &shutdown).await,
                Ok(None) => self.wait_for_work(changed, &shutdown).await,
                Err(error) => {
                    tracing::error!(%error, "the job store did not answer");
                    self.wait_for_work(std::future::pending(), &shutdown).await;
                }
            }
        }
        self.store.remove_worker(&self.config.worker).await?;
        Ok(())
    }

    async fn wait_for_work(&self, changed: impl Future<Output = ()>, shutdown: &CancellationToken) {
        self.sign_of_life(WorkerState::Idle).await;
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = changed => {}
            () = tokio::time::sleep(self.config.poll) => {}
        }
    }

    /// For `/health`; work does not depend on it.
    async fn sign_of_life(&self, state: WorkerState) {
        if let Err(error) = self.store.heartbeat_worker(&self.config.worker, state).await {
            tracing::warn!(%error, "the worker's sign of life failed");
        }
    }

    /// One attempt, whatever its end.
    async fn work_on(&mut self, claim: Claim, shutdown: &CancellationToken) {
        let lease = claim.lease.clone();
        self.sign_of_life(WorkerState::Running).await;
        tracing::info!(job = %lease.job, attempt = claim.job.attempts, "claimed");
        let heartbeat = Heartbeat::start(
            self.store.clone(),
            self.config.worker.clone(),
            lease.clone(),
            self.config.lease_ms,
            self.config.heartbeat,
        );
        let ended = match heartbeat {
            Err(error) => Err(WorkerError::io("start its heartbeat", &error)),
            Ok(heartbeat) => tokio::select! {
                ended = self.attempt(claim) => ended,
                () = heartbeat.lost() => Err(WorkerError::LeaseLost),
                () = shutdown.cancelled() => Err(WorkerError::Stopped),
            },
        };
        // A child that answered is in order, whatever it answered; any other may still be at work.
        if !matches!(ended, Ok(_) | Err(WorkerError::Job(_)))
            && let Some(child) = self.child.take()
        {
            child.kill().await;
        }
        if let Err(error) = self.settle(&lease, ended).await {
            tracing::error!(job = %lease.job, %error, "the end of the attempt could not be stored; its lease will expire");
        }
    }

    /// Writes down how the attempt ended.
    async fn settle(&self, lease: &Lease, ended: Result<JobOutput, WorkerError>) -> Result<(), WorkerError> {
        let state = match ended {
            Ok(output) => {
                tracing::info!(job = %lease.job, "done");
                self.store.complete(lease, &output).await?
            }
            Err(WorkerError::Job(error)) => {
                tracing::info!(job = %lease.job, error, "failed");
                self.store.fail(lease, &error).await?
            }
            Err(WorkerError::Stopped) => self.store.hand_back(lease).await?,
            // Another write was refused before this one; there is nothing left to say.
            Err(WorkerError::LeaseLost) => return Ok(()),
            Err(error) => {
                tracing::warn!(job = %lease.job, %error, "attempt lost");
                self.store.release(lease, &error.to_string()).await?
            }
        };
        if let LeaseState::Lost(why) = state {
            if why == LeaseLost::Cancelled {
                // Nobody will ask for them. After any other loss they may be another attempt's.
                self.artifacts.delete_job(&lease.job).await?;
            }
            tracing::info!(job = %lease.job, ?why, "the attempt's end came too late and changed nothing");
        }
        Ok(())
    }

    async fn attempt(&mut self, claim: Claim) -> Result<JobOutput, WorkerError> {
        let lease = claim.lease;
        let request = JobRequest::parse(&serde_json::json!({ "input": claim.job.input }))
            .map_err(|error| WorkerError::Job(error.to_string()))?;
        let dir = AttemptDir::create(&self.config.work_dir, &lease.job, lease.number)
            .map_err(|error| WorkerError::io("make the job's folder", &error))?;
        let requests = request.inference.clone();
        self.record(&lease, JobEvent::Stage { stage: Stage::Download }).await?;
        let assignment = inputs::assignment(&self.network, &self.config.models, &lease.job, request, &dir).await?;
        let output = match self.run_in_child(&lease, assignment).await {
            Err(WorkerError::Job(error)) => return Err(WorkerError::Job(self.for_the_owner(&dir, &error))),
            ended => ended?,
        };
        self.record(&lease, JobEvent::Stage { stage: Stage::Upload }).await?;
        outputs::store(&self.artifacts, &lease.job, &dir.out(), output, &requests).await
    }

    /// The child names files by their path here; the owner knows them by name.
    fn for_the_owner(&self, dir: &AttemptDir, sentence: &str) -> String {
        dir.without_paths(sentence).replace(&format!("{}/", self.config.models.cache_dir.display()), "")
    }

    /// Hands the assignment to the child and relays its events until it answers.
    async fn run_in_child(&mut self, lease: &Lease, assignment: Assignment) -> Result<ChildOutput, WorkerError> {
        let mut child = match self.child.take() {
            Some(child) => child,
            None => ChildProcess::start(&self.config.child).await?,
        };
        child.assign(assignment).await?;
        let mut throttle = Throttle::default();
        loop {
            match child.next().await? {
                ChildMessage::Event(event) => {
                    if throttle.admits(&event, Instant::now()) {
                        self.record(lease, event).await?;
                    }
                }
                ChildMessage::Done(output) => {
                    self.child = Some(child);
                    return Ok(output);
                }
                ChildMessage::Failed { error } => {
                    self.child = Some(child);
                    return Err(WorkerError::Job(error));
                }
                ChildMessage::Ready { .. } => {}
            }
        }
    }

    async fn record(&self, lease: &Lease, event: JobEvent) -> Result<(), WorkerError> {
        match self.store.record_event(lease, &event).await? {
            LeaseState::Held => Ok(()),
            LeaseState::Lost(_) => Err(WorkerError::LeaseLost),
        }
    }
}
