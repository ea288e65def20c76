//! `serve`: the API, the reaper, the webhook sender and, unless told otherwise, a worker, in one process.

use std::net::SocketAddr;

use jobs::{Clock, JobStore};
use server::{AppState, ServerConfig};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use transfer::{ArtifactStore, Network, NetworkPolicy, UrlSigner};

use crate::cli::{Role, ServeArgs};
use crate::data_dir::DataDir;
use crate::failure::{Failure, cannot};
use crate::stop_signal::stop_signal;

/// Serves until SIGINT or SIGTERM.
pub(crate) fn run(args: &ServeArgs) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(args))
}

async fn serve(args: &ServeArgs) -> Result<(), Failure> {
    let data_dir = DataDir::open(&args.work.data_dir)?;
    let store = JobStore::open(&data_dir.jobs(), Clock::Database).await?;
    let shutdown = CancellationToken::new();
    let api = match args.role {
        Role::Worker => None,
        Role::All | Role::Api => Some(Api::bind(args, &data_dir, store.clone()).await?),
    };
    let stop = shutdown.clone();
    tokio::spawn(async move {
        stop_signal().await;
        tracing::info!("stopping");
        stop.cancel();
    });
    let served = async {
        match api {
            Some(api) => api.run(shutdown.clone()).await,
            None => Ok(()),
        }
    };
    // Whichever half fails takes the other down with it: half a service would look like a whole one.
    let worked = work(args, &data_dir, store, shutdown.clone());
    let (served, worked) = tokio::join!(
        stop_after(served, args.role == Role::Worker, &shutdown),
        stop_after(worked, args.role == Role::Api, &shutdown)
    );
    served.and(worked)
}

/// Runs one half; when it ends, the process does, unless the half was absent from the start.
async fn stop_after(
    half: impl Future<Output = Result<(), Failure>>,
    absent: bool,
    shutdown: &CancellationToken,
) -> Result<(), Failure> {
    let ended = half.await;
    if !absent || ended.is_err() {
        shutdown.cancel();
    }
    ended
}

#[cfg(feature = "compute")]
async fn work(
    args: &ServeArgs,
    data_dir: &DataDir,
    store: JobStore,
    shutdown: CancellationToken,
) -> Result<(), Failure> {
    if args.role == Role::Api {
        return Ok(());
    }
    crate::work::Work::prepare(&args.work, data_dir, store).await?.run(shutdown).await
}

#[cfg(not(feature = "compute"))]
async fn work(args: &ServeArgs, _: &DataDir, _: JobStore, _: CancellationToken) -> Result<(), Failure> {
    if args.role == Role::Api {
        return Ok(());
    }
    Err(Failure("this build has no tensor engine; give --role api, or build with the feature compute".into()))
}

/// A bound listener and everything the handlers share.
struct Api {
    listener: TcpListener,
    state: AppState,
}

impl Api {
    async fn bind(args: &ServeArgs, data_dir: &DataDir, store: JobStore) -> Result<Self, Failure> {
        let listener = TcpListener::bind(args.listen).await.map_err(cannot(format!("listen on {}", args.listen)))?;
        let address = listener.local_addr()?;
        let has_keys = store.has_keys().await?;
        refuse_open_door(address, has_keys)?;
        let url = format!("http://{address}");
        std::fs::write(data_dir.listening(), &url).map_err(cannot("write the file listening"))?;
        tracing::info!("listening on {url}");
        if !has_keys {
            tracing::warn!(
                "no API key exists, so every program on this machine may use the service; make one with: dreambooth keys create"
            );
        }
        let config = ServerConfig {
            public_url: args.public_url.clone().unwrap_or(url),
            require_key: !address.ip().is_loopback(),
            execution_timeout_ms: i64::from(args.execution_timeout) * 1000,
            ttl_ms: i64::from(args.ttl) * 1000,
        };
        let policy = NetworkPolicy { allow_private_networks: args.work.allow_private_networks };
        let artifacts = ArtifactStore::local(data_dir.artifacts())?;
        let signer = UrlSigner::load_or_create(&data_dir.signing_key())?;
        let network = Network::new(policy)?;
        Ok(Self { listener, state: AppState { store, artifacts, signer, network, config } })
    }

    /// Answers, reaps and sends webhooks until `shutdown`.
    async fn run(self, shutdown: CancellationToken) -> Result<(), Failure> {
        let reaper = server::run_reaper(self.state.clone(), shutdown.clone());
        let webhooks = server::run_webhooks(self.state.clone(), shutdown.clone());
        let (served, ..) = tokio::join!(server::serve(self.listener, self.state, shutdown), reaper, webhooks);
        served.map_err(cannot("serve"))
    }
}

/// Beyond this machine nobody is let in without a key.
fn refuse_open_door(address: SocketAddr, has_keys: bool) -> Result<(), Failure> {
    if address.ip().is_loopback() || has_keys {
        return Ok(());
    }
    Err(Failure(format!(
        "--listen is {address}, which others can reach, but no API key exists; make one with dreambooth keys create, or \
         listen on 127.0.0.1"
    )))
}
