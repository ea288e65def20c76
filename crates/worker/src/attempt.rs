//! One attempt at a job: from the claim to what became of it.

use std::time::Duration;

use jobs::{Claim, JobStore, Lease};
use protocol::request::{Sealed, Settings};
use protocol::{ArtifactRef, Failure, FailureCode, JobEvent, JobOutput, Stage, SupervisorMessage};
use transfer::{ArtifactStore, Network};

use crate::child_process::ChildProcess;
use crate::failure;
use crate::heartbeat::LeaseWatch;
use crate::inputs::Inputs;
use crate::interruption::{Interruption, Interruptions};
use crate::relay::Relay;
use crate::reporter::Reporter;
use crate::supervisor::SupervisorConfig;
use crate::uploads::Uploads;
use crate::work_dir::{JobDir, WorkDir};

/// What ends an attempt before its job is done.
#[derive(Debug)]
pub(crate) enum Cut {
    /// The owner's fault ends the job, the machine's costs the attempt.
    Failed(Failure),
    /// The machine cannot do its part now, and no work is lost by trying later: costs nothing.
    Unable(Failure),
    /// From outside.
    Interrupted(Interruption),
}

impl From<Failure> for Cut {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// An attempt that has begun.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    config: &'a SupervisorConfig,
    network: &'a Network,
    lease: Lease,
    dir: JobDir,
    reporter: Reporter,
    uploads: Uploads,
}

/// An attempt that is over.
#[derive(Debug)]
pub(crate) struct Attempted {
    pub(crate) ended: Result<JobOutput<ArtifactRef>, Cut>,
    /// Files that are stored, or on their way.
    pub(crate) uploads: Option<Uploads>,
}

impl<'a> Attempt<'a> {
    /// Makes the attempt's folder and opens its ways to the stores.
    ///
    /// # Errors
    /// When the disk refuses the folder.
    pub(crate) fn begin(
        config: &'a SupervisorConfig,
        network: &'a Network,
        store: &JobStore,
        artifacts: &ArtifactStore,
        lease: &Lease,
        lost: LeaseWatch,
    ) -> Result<Self, Cut> {
        let dir = WorkDir::new(&config.work_dir)
            .job(&lease.job)
            .map_err(|error| Cut::Unable(failure::file("make the job's folder", &error)))?;
        let reporter = Reporter::start(store.clone(), lease.clone(), lost);
        let uploads = Uploads::new(artifacts.clone(), lease.clone(), dir.out(), config.timing.pauses);
        Ok(Self { config, network, lease: lease.clone(), dir, reporter, uploads })
    }

    /// Does the job with `child`, which comes back if it is still in order.
    pub(crate) async fn run(
        mut self,
        claim: Claim,
        child: &mut Option<ChildProcess>,
        interruptions: &mut Interruptions,
    ) -> Attempted {
        let made = match self.dir.read_done() {
            // An earlier attempt made everything and could not store it.
            Some(output) => Ok(output),
            None => self.make(claim, child, interruptions).await,
        };
        let ended = match made {
            Ok(output) => self.store_files(output, interruptions).await,
            Err(cut) => Err(cut),
        };
        self.reporter.finish().await;
        Attempted {
            ended: ended.map_err(|cut| for_the_owner(cut, &self.dir, self.config)),
            uploads: Some(self.uploads),
        }
    }

    /// Everything up to the child's answer.
    async fn make(
        &mut self,
        claim: Claim,
        child: &mut Option<ChildProcess>,
        interruptions: &mut Interruptions,
    ) -> Result<JobOutput<String>, Cut> {
        let (settings, sealed) = read(claim)?;
        self.reporter.tell(JobEvent::Stage { stage: Stage::Download });
        let Self { config, network, dir, .. } = self;
        let inputs = Inputs {
            network,
            models: &config.models,
            dir,
            checkpoint_steps: config.checkpoint_steps,
            fidelity: &config.fidelity,
        };
        let ready = tokio::select! {
            ready = inputs.assignment(&self.lease.job, settings, &sealed) => ready.map_err(before_anything)?,
            interruption = interruptions.next(Duration::ZERO) => return Err(Cut::Interrupted(interruption)),
        };
        let run = SupervisorMessage::Run(Box::new(ready.assignment.clone()));
        let assigned = self.assign(child.take(), &run).await.map_err(Cut::Unable)?;
        let relay = Relay::new(&self.reporter, &mut self.uploads);
        let (alive, answer) = relay.until_answered(assigned, interruptions, self.config.timing).await;
        *child = alive;
        let output = answer?;
        if let Err(error) = self.dir.keep_done(&output) {
            tracing::warn!(job = %self.lease.job, %error, "what the child made is not remembered for a later attempt");
        }
        Ok(output)
    }

    /// Hands the job to the child. One that died while it had nothing to do is replaced; the attempt is not to blame.
    async fn assign(&self, child: Option<ChildProcess>, run: &SupervisorMessage) -> Result<ChildProcess, Failure> {
        if let Some(mut child) = child
            && !child.has_died()
            && child.tell(run).await.is_ok()
        {
            return Ok(child);
        }
        tracing::warn!(job = %self.lease.job, "the child process died while it was idle; starting another");
        let mut child = ChildProcess::start(&self.config.child, self.config.timing.child_start).await?;
        match child.tell(run).await {
            Ok(()) => Ok(child),
            Err(error) => Err(failure::file("reach its child process", &error)),
        }
    }

    /// Once the child is done, only the files are between the job and its end.
    async fn store_files(
        &mut self,
        output: JobOutput<String>,
        interruptions: &mut Interruptions,
    ) -> Result<JobOutput<ArtifactRef>, Cut> {
        self.reporter.tell(JobEvent::Stage { stage: Stage::Upload });
        let grace = self.config.timing.grace;
        let stored = tokio::select! {
            stored = self.uploads.finish(output) => stored,
            interruption = interruptions.next(grace) => return Err(Cut::Interrupted(interruption)),
        };
        stored.map_err(|failure| match failure.code {
            // What is made stays: another attempt has only to store it.
            FailureCode::UploadFailed => Cut::Unable(failure),
            _ => {
                self.dir.forget();
                Cut::Failed(failure)
            }
        })
    }
}

/// The machine's fault before anything was computed costs no attempt.
fn before_anything(failure: Failure) -> Cut {
    if failure.ends_the_job() { Cut::Failed(failure) } else { Cut::Unable(failure) }
}

/// The claim's bodies, which the server has parsed and split.
fn read(claim: Claim) -> Result<(Settings, Sealed), Failure> {
    let damaged = |what: &str, error: &serde_json::Error| {
        let sentence = format!("the stored job's {what} cannot be read by this worker's version: {error}");
        Failure::new(FailureCode::Internal, sentence)
    };
    let settings = serde_json::from_value(claim.work).map_err(|error| damaged("settings", &error))?;
    let sealed = claim.secrets.map(serde_json::from_value).transpose();
    // The error of a sealed value could quote it.
    let sealed = sealed.map_err(|_| Failure::new(FailureCode::Internal, "the stored job's sources cannot be read"))?;
    Ok((settings, sealed.unwrap_or_default()))
}

/// The child names files by their path here; the owner knows them by name.
fn for_the_owner(cut: Cut, dir: &JobDir, config: &SupervisorConfig) -> Cut {
    let cache = format!("{}/", config.models.cache_dir.display());
    let clean = |failure: Failure| {
        let sentence = dir.without_paths(&failure.sentence).replace(&cache, "");
        Failure { sentence, ..failure }
    };
    match cut {
        Cut::Failed(failure) => Cut::Failed(clean(failure)),
        Cut::Unable(failure) => Cut::Unable(clean(failure)),
        Cut::Interrupted(interruption) => Cut::Interrupted(interruption),
    }
}
