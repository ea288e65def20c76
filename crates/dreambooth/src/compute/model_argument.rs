//! MODEL, `--device` and `--precision` as users write them.

use std::path::{Path, PathBuf};

use engine::{DeviceChoice, Precision};
use execution::Compute;
use model::{BaseModel, ModelReference};
use transfer::hub::HubFolder;
use transfer::{DownloadLimits, HubModel, Network, NetworkPolicy, hub};

use worker::inputs::CLASS_CACHE;

use crate::cli::ComputeArgs;
use crate::failure::{Failure, cannot};

/// Names a folder in which downloaded models are kept when there is no data directory.
const CACHE_VARIABLE: &str = "DREAMBOOTH_CACHE";

/// Holds the access token for private models.
const TOKEN_VARIABLE: &str = "HF_TOKEN";

/// Reads `--device` and `--precision` without opening the device.
pub(crate) fn compute_choice(args: &ComputeArgs) -> Result<(DeviceChoice, Option<Precision>), Failure> {
    let device = args.device.parse().map_err(cannot("read --device"))?;
    let precision = args.precision.as_deref().map(str::parse).transpose().map_err(cannot("read --precision"))?;
    Ok((device, precision))
}

/// Opens the device.
pub(crate) fn compute(args: &ComputeArgs) -> Result<Compute, Failure> {
    let (device, precision) = compute_choice(args)?;
    Ok(Compute::open(device, precision)?)
}

/// A MODEL on this machine, as a command line names it.
pub(crate) struct LocalModel {
    pub(crate) reference: String,
    /// Keeps a downloaded model where it is.
    _folder: Option<HubFolder>,
}

/// A MODEL that is open.
pub(crate) struct OpenModel {
    pub(crate) base: BaseModel,
    _local: LocalModel,
}

/// Opens MODEL; a Hub id is downloaded first, or found where it was downloaded before.
pub(crate) fn open_model(text: &str) -> Result<OpenModel, Failure> {
    let endpoint = std::env::var("HF_ENDPOINT").unwrap_or_else(|_| hub::HUB_ENDPOINT.into());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Whoever types the endpoint at the command line may reach it, wherever it is.
    let network = Network::new(NetworkPolicy { allow_private_networks: true })?;
    let local = runtime.block_on(fetch_if_hub(text, &endpoint, &model_cache(), &network))?;
    Ok(OpenModel { base: BaseModel::open(&local.reference.parse()?)?, _local: local })
}

/// MODEL with a Hub id replaced by the folder it was downloaded to.
pub(crate) async fn fetch_if_hub(
    text: &str,
    endpoint: &str,
    cache_dir: &Path,
    network: &Network,
) -> Result<LocalModel, Failure> {
    let ModelReference::Hub { repo, revision } = text.parse()? else {
        return Ok(LocalModel { reference: text.into(), _folder: None });
    };
    let token = std::env::var(TOKEN_VARIABLE).ok().filter(|token| !token.is_empty()).map(protocol::Secret::new);
    let revision = revision.as_deref().unwrap_or(hub::DEFAULT_REVISION);
    let model = HubModel { endpoint, repo: &repo, revision, token: token.as_ref() };
    let folder = hub::fetch(network, model, cache_dir, DownloadLimits::MODEL, |_| {}).await?;
    Ok(LocalModel { reference: folder.path().display().to_string(), _folder: Some(folder) })
}

/// Where pictures of classes that base models draw are kept.
pub(crate) fn class_cache() -> PathBuf {
    model_cache().with_file_name(CLASS_CACHE)
}

fn model_cache() -> PathBuf {
    let from = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    from(CACHE_VARIABLE)
        .or_else(|| from("XDG_CACHE_HOME").map(|dir| dir.join("dreambooth")))
        .or_else(|| from("HOME").map(|dir| dir.join(".cache/dreambooth")))
        .unwrap_or_else(|| "dreambooth-cache".into())
        .join("models")
}
