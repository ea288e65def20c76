//! The worker's half of the service: a supervisor on a thread pool, its child started from this very program.

use std::ffi::OsString;
use std::fs::File;

use jobs::JobStore;
use model::BaseModel;
use tokio_util::sync::CancellationToken;
use transfer::{ArtifactStore, Network, NetworkPolicy};
use worker::inputs::ModelStore;
use worker::{ChildCommand, Supervisor, SupervisorConfig};

use crate::cli::{ComputeArgs, WorkArgs, WorkerArgs};
use crate::data_dir::DataDir;
use crate::failure::{Failure, cannot};
use crate::housekeeping::keep_house;
use crate::model_argument::{compute_choice, fetch_if_hub};
use crate::stop_signal::stop_signal;

/// `worker`: nothing but a supervisor.
pub(crate) fn run(args: &WorkerArgs) -> Result<(), Failure> {
    let data_dir = DataDir::open(&args.work.data_dir)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let shutdown = CancellationToken::new();
        let stop = shutdown.clone();
        tokio::spawn(async move {
            stop_signal().await;
            stop.cancel();
        });
        let store = data_dir.open_store().await?;
        let prepared = Work::prepare(&args.work, &data_dir, store.clone());
        let Some(work) = shutdown.run_until_cancelled(prepared).await else { return Ok(()) };
        let house =
            keep_house(store, ArtifactStore::local(data_dir.artifacts())?, args.work.retention, shutdown.clone());
        let work = async {
            let worked = work?.run(shutdown.clone()).await;
            shutdown.cancel();
            worked
        };
        tokio::join!(work, house).0
    })
}

/// A supervisor that may begin.
#[derive(Debug)]
pub(crate) struct Work {
    supervisor: Supervisor,
    /// Held as long as the supervisor lives.
    _name: File,
}

impl Work {
    /// Takes the worker's name and brings in the default model.
    pub(crate) async fn prepare(args: &WorkArgs, data_dir: &DataDir, store: JobStore) -> Result<Self, Failure> {
        let name = data_dir.lock_worker(&args.worker_name)?;
        compute_choice(&args.compute)?;
        let network = Network::new(NetworkPolicy { allow_private_networks: args.allow_private_networks })?;
        let default_model = fetch_if_hub(&args.model, &args.hub_endpoint, &data_dir.models(), &network).await?;
        // A model that cannot be opened is told now, to the operator, and not to the owner of the first job.
        let base = BaseModel::open(&default_model.parse()?)?;
        if let Some(note) = base.note() {
            tracing::warn!("{note}");
        }
        let config = SupervisorConfig {
            worker: args.worker_name.clone(),
            child: child_command(&args.compute)?,
            work_dir: data_dir.work(&args.worker_name),
            models: ModelStore { default_model, hub_endpoint: args.hub_endpoint.clone(), cache_dir: data_dir.models() },
            lease_ms: SupervisorConfig::LEASE_MS,
            heartbeat: SupervisorConfig::HEARTBEAT,
            poll: SupervisorConfig::POLL,
        };
        let artifacts = ArtifactStore::local(data_dir.artifacts())?;
        Ok(Self { supervisor: Supervisor::new(store, network, artifacts, config), _name: name })
    }

    /// Works until `shutdown`.
    pub(crate) async fn run(self, shutdown: CancellationToken) -> Result<(), Failure> {
        self.supervisor.run(shutdown).await.map_err(cannot("work on jobs"))
    }
}

/// This program, with the device settings this process was given.
fn child_command(args: &ComputeArgs) -> Result<ChildCommand, Failure> {
    let program = std::env::current_exe().map_err(cannot("find this program's file"))?;
    let mut words: Vec<OsString> = vec!["child".into(), "--device".into(), args.device.clone().into()];
    if let Some(precision) = &args.precision {
        words.extend(["--precision".into(), precision.clone().into()]);
    }
    Ok(ChildCommand { program, args: words })
}
