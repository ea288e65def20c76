//! The worker's half of the service: a supervisor on a thread pool, its child started from this very program.

use std::fs::File;
use std::time::Duration;

use clap::Args;
use jobs::{JobStore, WorkerIdentity};
use model::BaseModel;
use tokio_util::sync::CancellationToken;
use transfer::{ArtifactStore, Network, NetworkPolicy, Sites};
use worker::inputs::ModelStore;
use worker::{ChildCommand, Supervisor, SupervisorConfig, Timing};

use super::child;
use super::fidelity_models::fidelity_models;
use super::model_argument::{LocalModel, compute_choice, fetch_if_hub};
use crate::cli::WorkArgs;
use crate::data_dir::DataDir;
use crate::failure::{Failure, cannot};
use crate::housekeeping::keep_house;
use crate::stop_signal::stop_signal;

#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    #[command(flatten)]
    work: WorkArgs,
}

/// `worker`: a supervisor, and the housekeeping, for there may be nobody else who does it.
pub(crate) fn run(args: &WorkerArgs) -> Result<(), Failure> {
    let data_dir = DataDir::open(&args.work.data_dir)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = data_dir.open_store().await?;
        let shutdown = CancellationToken::new();
        let stop = shutdown.clone();
        tokio::spawn(async move {
            stop_signal().await;
            stop.cancel();
        });
        let artifacts = ArtifactStore::local(data_dir.artifacts())?;
        let house = keep_house(store.clone(), artifacts, &args.work, shutdown.clone());
        let work = async {
            let worked = work(&args.work, &data_dir, store, shutdown.clone()).await;
            shutdown.cancel();
            worked
        };
        tokio::join!(work, house).0
    })
}

/// Works on jobs until `shutdown`.
pub(crate) async fn work(
    args: &WorkArgs,
    data_dir: &DataDir,
    store: JobStore,
    shutdown: CancellationToken,
) -> Result<(), Failure> {
    // Held as long as the supervisor lives.
    let _name: File = data_dir.lock_worker(&args.worker_name)?;
    compute_choice(&args.compute)?;
    let fidelity = fidelity_models(&args.fidelity)?;
    let network = Network::new(NetworkPolicy { allow_private_networks: args.allow_private_networks })?
        .with_sites(Sites::default().with_hub(&args.hub_endpoint));
    let fetched = default_model(args, data_dir, &network);
    // A model may be hours on its way.
    let Some(default_model) = shutdown.run_until_cancelled(fetched).await else { return Ok(()) };
    let default_model = default_model?;
    let config = SupervisorConfig {
        worker: WorkerIdentity::random(&args.worker_name)?,
        child: child_command(args)?,
        work_dir: data_dir.work(&args.worker_name),
        models: ModelStore {
            default_model: default_model.reference.clone(),
            hub_endpoint: args.hub_endpoint.clone(),
            cache_dir: data_dir.models(),
            cache_bytes_max: (args.model_cache_bytes > 0).then_some(args.model_cache_bytes),
        },
        checkpoint_steps: args.checkpoint_steps,
        fidelity,
        timing: timing(args),
    };
    let artifacts = ArtifactStore::local(data_dir.artifacts())?;
    let supervisor = Supervisor::new(store, network, artifacts, config);
    supervisor.run(shutdown).await.map_err(cannot("work on jobs"))
}

/// Several heartbeats fit into a lease, whatever its length.
fn timing(args: &WorkArgs) -> Timing {
    let usual = Timing::default();
    Timing { heartbeat: usual.heartbeat.min(Duration::from_secs(args.lease.into()) / 4), ..usual }
}

/// The base model of jobs that name none, in place. One that cannot be opened is told now, to the operator, and not to the
/// owner of the first job.
async fn default_model(args: &WorkArgs, data_dir: &DataDir, network: &Network) -> Result<LocalModel, Failure> {
    let model = fetch_if_hub(&args.model, &args.hub_endpoint, &data_dir.models(), network).await?;
    if let Some(note) = BaseModel::open(&model.reference.parse()?)?.note() {
        tracing::warn!("{note}");
    }
    Ok(model)
}

/// This program, with the device settings this process was given.
fn child_command(args: &WorkArgs) -> Result<ChildCommand, Failure> {
    let program = std::env::current_exe().map_err(cannot("find this program's file"))?;
    Ok(ChildCommand { program, args: child::words(args) })
}
