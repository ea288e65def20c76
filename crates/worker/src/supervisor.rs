//! Keeps a child, claims jobs, one at a time, and sees each to its end.
//!
//! The supervisor owns the lease and the child. Every write to the store carries the lease, so a supervisor that was given
//! up for lost can do no harm. A job is claimed only when a child is ready for it: a machine that cannot compute leaves the
//! queue alone.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use jobs::{Claim, JobStore, LeaseLost, Presence, StoreError, WorkerIdentity, WorkerState};
use protocol::{ENDPOINT, Failure, FidelityModels, JobId, JobStatus};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use transfer::{ArtifactStore, Network};

use crate::attempt::{Attempt, Attempted, Cut};
use crate::child_process::{ChildCommand, ChildProcess};
use crate::ending::{Ending, loss};
use crate::failure;
use crate::heartbeat::Heartbeat;
use crate::inputs::ModelStore;
use crate::interruption::{Interruption, Interruptions};
use crate::pauses::Pauses;
use crate::uploads::Uploads;
use crate::work_dir::WorkDir;

/// The store hears of an idle worker this often, as it asks for.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// What a supervisor must know.
#[derive(Debug, Clone)]
pub struct SupervisorConfig {
    /// This life of this worker. Its name is the same after a restart, so that it can give up its former lives' leases.
    pub worker: WorkerIdentity,
    /// How to start the child.
    pub child: ChildCommand,
    /// Jobs have their folders here.
    pub work_dir: PathBuf,
    /// Base models.
    pub models: ModelStore,
    /// Steps between two checkpoints of a training; `None`: so many that writing them costs at most 5 % of the time.
    pub checkpoint_steps: Option<u32>,
    /// What judges the sample pictures of trainings.
    pub fidelity: FidelityModels,
    /// How long everything may take.
    pub timing: Timing,
}

/// How long everything may take.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Between heartbeats; several must fit into the reaper's lease time. Also how soon a cancelled job that reports no
    /// progress is noticed.
    pub heartbeat: Duration,
    /// Between looks at the queue; wake-ups within the process are faster.
    pub poll: Duration,
    /// A child's start, which loads libtorch and, with CUDA, two gigabytes of kernels from a disk that may be slow.
    pub child_start: Duration,
    /// What a child, an upload or an ending gets when it is time to leave.
    pub grace: Duration,
    /// What a child gets to leave a job in a state from which it can go on: a checkpoint of Stable Diffusion has 10 GB.
    pub checkpoint: Duration,
    /// Between tries of what failed for the machine's fault.
    pub pauses: Pauses,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(5),
            poll: Duration::from_secs(1),
            child_start: Duration::from_secs(180),
            grace: Duration::from_secs(10),
            checkpoint: Duration::from_secs(60),
            pauses: Pauses::USUAL,
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Supervisor {
    store: JobStore,
    network: Network,
    artifacts: ArtifactStore,
    config: SupervisorConfig,
    /// Kept between jobs, so that the device stays open and the model loaded.
    child: Option<ChildProcess>,
    /// What the store was last told of this worker, and when.
    told: Option<(WorkerState, Instant)>,
    /// How often in a row this machine could not do its part.
    failures: u32,
}

impl Supervisor {
    /// A supervisor that has not begun.
    pub fn new(store: JobStore, network: Network, artifacts: ArtifactStore, config: SupervisorConfig) -> Self {
        Self { store, network, artifacts, config, child: None, told: None, failures: 0 }
    }

    /// Works until `shutdown`; a job in hand then goes back to the queue.
    ///
    /// # Errors
    /// When the store cannot be reached at the start. Later faults of the store are logged and outlived.
    pub async fn run(mut self, shutdown: CancellationToken) -> Result<(), StoreError> {
        self.store.report_worker(&self.presence(WorkerState::Initializing)).await?;
        self.store.release_worker(&self.config.worker).await?;
        self.sweep().await;
        while !shutdown.is_cancelled() {
            if let Err(failure) = self.turn(&shutdown).await {
                self.recover(&failure, &shutdown).await;
            }
        }
        if let Some(child) = self.child.take() {
            child.end(self.config.timing.grace).await;
        }
        if let Err(error) = self.store.remove_worker(&self.config.worker).await {
            tracing::warn!(%error, "the worker could not take its leave of the store");
        }
        Ok(())
    }

    /// One look at the queue, and the job if there is one.
    ///
    /// # Errors
    /// What this machine cannot do now.
    async fn turn(&mut self, shutdown: &CancellationToken) -> Result<(), Failure> {
        if !self.has_child(shutdown).await? {
            return Ok(());
        }
        let store = self.store.clone();
        // Taken before the look at the queue, so that no change in between is missed.
        let changed = store.changed();
        match store.claim(&self.config.worker, ENDPOINT).await {
            Ok(Some(claim)) => return self.work_on(claim, shutdown).await,
            Ok(None) => self.wait_for_work(changed, shutdown).await,
            Err(error) => {
                tracing::error!(%error, "the job store did not answer");
                self.wait_for_work(std::future::pending(), shutdown).await;
            }
        }
        Ok(())
    }

    /// Sees to it that there is a child; false when the worker is to stop.
    async fn has_child(&mut self, shutdown: &CancellationToken) -> Result<bool, Failure> {
        if self.child.as_mut().is_some_and(|child| !child.has_died()) {
            return Ok(true);
        }
        if self.child.take().is_some() {
            tracing::warn!("the child process died while it was idle; starting another");
        }
        // A machine that could not work is unhealthy until it can.
        if self.failures == 0 {
            self.sign_of_life(WorkerState::Initializing).await;
        }
        let started = ChildProcess::start(&self.config.child, self.config.timing.child_start);
        let Some(child) = shutdown.run_until_cancelled(started).await else { return Ok(false) };
        self.child = Some(child?);
        Ok(true)
    }

    /// Says what is wrong, and waits before anything is tried again.
    async fn recover(&mut self, failure: &Failure, shutdown: &CancellationToken) {
        self.failures += 1;
        let pause = self.config.timing.pauses.after(self.failures);
        tracing::error!(code = %failure.code, failures = self.failures, ?pause, "this worker cannot work: {failure}");
        self.sign_of_life(WorkerState::Unhealthy).await;
        let _ended_early = shutdown.run_until_cancelled(tokio::time::sleep(pause)).await;
    }

    async fn wait_for_work(&mut self, changed: impl Future<Output = ()>, shutdown: &CancellationToken) {
        self.sign_of_life(WorkerState::Idle).await;
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = changed => {}
            () = tokio::time::sleep(self.config.timing.poll) => {}
        }
    }

    /// For `/health`; work does not depend on it.
    async fn sign_of_life(&mut self, state: WorkerState) {
        if self.told.is_some_and(|(told, when)| told == state && when.elapsed() < SIGN_OF_LIFE) {
            return;
        }
        match self.store.report_worker(&self.presence(state)).await {
            Ok(()) => self.told = Some((state, Instant::now())),
            Err(error) => tracing::warn!(%error, "the worker's sign of life failed"),
        }
    }

    fn presence(&self, state: WorkerState) -> Presence {
        Presence {
            worker: self.config.worker.clone(),
            endpoint: ENDPOINT.into(),
            version: env!("CARGO_PKG_VERSION").into(),
            state,
            draining: false,
        }
    }

    /// One attempt, whatever its end.
    ///
    /// # Errors
    /// What this machine could not do; the job is back in the queue.
    async fn work_on(&mut self, claim: Claim, shutdown: &CancellationToken) -> Result<(), Failure> {
        let lease = claim.lease.clone();
        tracing::info!(job = %lease.job, attempt = claim.job.attempts, "claimed");
        self.sign_of_life(WorkerState::Running).await;
        let (lost, losses) = watch::channel(None);
        let mut interruptions = Interruptions::new(losses, shutdown.clone(), claim.execution_timeout_ms);
        let heartbeat = Heartbeat::start(
            self.store.clone(),
            self.presence(WorkerState::Running),
            lease.clone(),
            self.config.timing.heartbeat,
            lost.clone(),
        );
        let begun = heartbeat.map_err(|error| Cut::Unable(failure::file("start its heartbeat", &error))).and_then(
            |heartbeat| {
                let attempt = Attempt::begin(&self.config, &self.network, &self.store, &self.artifacts, &lease, lost)?;
                Ok((heartbeat, attempt))
            },
        );
        // The heartbeat lives until the end is written.
        let (_heartbeat, attempted) = match begun {
            Ok((heartbeat, attempt)) => {
                (Some(heartbeat), attempt.run(claim, &mut self.child, &mut interruptions).await)
            }
            Err(cut) => (None, Attempted { ended: Err(cut), uploads: None }),
        };
        let unable = self.settle(&lease.job, attempted, &lease, interruptions.without_deadline()).await;
        self.sweep().await;
        match unable {
            Some(failure) => Err(failure),
            None => {
                self.failures = 0;
                Ok(())
            }
        }
    }

    /// Writes down how the attempt ended, and removes the files that nobody will ask for. Gives what this machine could not
    /// do, if that was the reason.
    async fn settle(
        &self,
        job: &JobId,
        attempted: Attempted,
        lease: &jobs::Lease,
        mut interruptions: Interruptions,
    ) -> Option<Failure> {
        let Attempted { ended, mut uploads } = attempted;
        let unable = match &ended {
            Err(Cut::Unable(failure)) => Some(failure.clone()),
            _ => None,
        };
        let ending = match ended {
            Ok(output) => serde_json::to_value(output).ok().map(Ending::Completed),
            Err(Cut::Interrupted(Interruption::LeaseLost(why))) => {
                self.forget_files(job, Some(why), uploads).await;
                return None;
            }
            Err(cut) => Ending::of(cut, partial(&mut uploads).await),
        };
        let Some(ending) = ending else { return unable };
        let timing = self.config.timing;
        let written = ending.write(&self.store, lease, timing.pauses, &mut interruptions, timing.grace).await;
        tracing::info!(job = %job, ended = ending.word(), stored = ?written, "the attempt is over");
        match loss(&written) {
            Some(why) => self.forget_files(job, Some(why), uploads).await,
            None if written.is_ok() && matches!(ending, Ending::Failed(_, None)) => {
                self.forget_files(job, None, uploads).await;
            }
            None => {}
        }
        unable
    }

    /// Deletes the stored files of a job that has ended without them. After any other loss they may be another attempt's.
    async fn forget_files(&self, job: &JobId, lost: Option<LeaseLost>, uploads: Option<Uploads>) {
        match lost {
            None | Some(LeaseLost::Cancelled | LeaseLost::Deleted) => {}
            Some(LeaseLost::Expired | LeaseLost::Ended(_)) => return,
        }
        if let Some(mut uploads) = uploads {
            uploads.settle().await;
        }
        if let Err(error) = self.artifacts.delete_job(job).await {
            tracing::warn!(job = %job, %error, "the files of an ended job could not be removed");
        }
    }

    /// Removes the folders of jobs that have ended. One that waits, or is with another worker, may come back.
    async fn sweep(&self) {
        let work_dir = WorkDir::new(&self.config.work_dir);
        for entry in work_dir.entries() {
            let status = match entry.parse::<JobId>() {
                Ok(job) => self.store.status(&job).await,
                Err(_) => Ok(None),
            };
            match status {
                Ok(Some(JobStatus::InQueue | JobStatus::InProgress)) => {}
                Ok(_) => work_dir.remove(&entry),
                Err(error) => tracing::warn!(entry, %error, "whether a job's folder is still needed is not known"),
            }
        }
    }
}

/// What there is of the output of a job that fails.
async fn partial(uploads: &mut Option<Uploads>) -> Option<serde_json::Value> {
    let output = uploads.as_mut()?.partial().await?;
    serde_json::to_value(output).ok()
}
