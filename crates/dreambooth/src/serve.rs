//! `serve`: the API, the webhook sender and, unless told otherwise, a worker, in one process.

use std::net::SocketAddr;

use jobs::JobStore;
use protocol::native::Native;
use server::{Access, AppState, BodyRoom, ConnectionLimits, ServerConfig};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use transfer::{ArtifactStore, Network, NetworkPolicy, UrlSigner};

use crate::cli::{Role, ServeArgs};
use crate::data_dir::DataDir;
use crate::failure::{Failure, cannot};
use crate::housekeeping::keep_house;
use crate::stop_signal::stop_signal;

/// Serves until SIGINT or SIGTERM.
pub(crate) fn run(args: &ServeArgs) -> Result<(), Failure> {
    refuse_open_door(args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(args))
}

async fn serve(args: &ServeArgs) -> Result<(), Failure> {
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    tokio::spawn(async move {
        stop_signal().await;
        tracing::info!("stopping");
        stop.cancel();
    });
    let data_dir = DataDir::open(&args.work.data_dir)?;
    let store = data_dir.open_store().await?;
    let api = match args.role {
        Role::Worker => None,
        Role::All | Role::Api => Some(Api::bind(args, &data_dir, store.clone()).await?),
    };
    let served = async {
        match api {
            Some(api) => api.run(shutdown.clone()).await,
            None => Ok(()),
        }
    };
    // Whichever half fails takes the other down with it: half a service would look like a whole one.
    let worked = work(args, &data_dir, store.clone(), shutdown.clone());
    let artifacts = ArtifactStore::local(data_dir.artifacts())?;
    let (served, worked, ()) = tokio::join!(
        stop_after(served, args.role == Role::Worker, &shutdown),
        stop_after(worked, args.role == Role::Api, &shutdown),
        keep_house(store, artifacts, &args.work, shutdown.clone())
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
    crate::compute::work::work(&args.work, data_dir, store, shutdown).await
}

#[cfg(not(feature = "compute"))]
async fn work(args: &ServeArgs, _: &DataDir, _: JobStore, _: CancellationToken) -> Result<(), Failure> {
    if args.role == Role::Api {
        return Ok(());
    }
    Err(Failure::new("this build has no tensor engine; give --role api, or build with the feature compute"))
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
        let url = format!("http://{address}");
        data_dir.tell_address(&url)?;
        tracing::info!("listening on {url}");
        tell_who_is_let_in(args, &store).await?;
        let config = config(args, address, url);
        let policy = NetworkPolicy { allow_private_networks: args.work.allow_private_networks };
        let artifacts = ArtifactStore::local(data_dir.artifacts())?;
        let signer = UrlSigner::load_or_create(&data_dir.signing_key())?;
        let network = Network::new(policy)?;
        let bodies = BodyRoom::default();
        Ok(Self { listener, state: AppState { store, artifacts, signer, network, bodies, config } })
    }

    /// Answers and sends webhooks until `shutdown`.
    async fn run(self, shutdown: CancellationToken) -> Result<(), Failure> {
        let webhooks = server::run_webhooks(self.state.clone(), shutdown.clone());
        let (served, ()) = tokio::join!(server::serve(self.listener, self.state, shutdown), webhooks);
        served.map_err(cannot("serve"))
    }
}

fn config(args: &ServeArgs, address: SocketAddr, url: String) -> ServerConfig {
    let limits = ConnectionLimits::default();
    ServerConfig {
        public_url: args.public_url.clone().unwrap_or(url),
        access: if args.no_auth { Access::ThisMachine { port: address.port() } } else { Access::Keys },
        execution_timeout_ms: i64::from(args.execution_timeout) * 1000,
        ttl_ms: i64::from(args.ttl) * 1000,
        native: Native::of(&args.work.model),
        connections: ConnectionLimits { at_once: server::open_files::connections_for(limits.at_once), ..limits },
    }
}

async fn tell_who_is_let_in(args: &ServeArgs, store: &JobStore) -> Result<(), Failure> {
    if args.no_auth {
        tracing::warn!("--no-auth: every program on this machine may use the service");
    } else if !store.has_keys().await? {
        let data_dir = args.work.data_dir.display();
        tracing::warn!(
            "no API key exists, so nobody is let in; make one with: dreambooth keys create --data-dir {data_dir}"
        );
    }
    Ok(())
}

/// Beyond this machine nobody is let in without a key.
fn refuse_open_door(args: &ServeArgs) -> Result<(), Failure> {
    if !args.no_auth || args.listen.ip().is_loopback() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "--no-auth is given, but --listen is {}, which others can reach; leave --no-auth out and make a key with \
         dreambooth keys create, or listen on 127.0.0.1",
        args.listen
    )))
}
