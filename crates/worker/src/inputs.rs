//! Brings in what a job needs, so that the child finds every file in place: the zip's images and the base model.

use std::path::{Path, PathBuf};

use protocol::child::TrainAssignment;
use protocol::{Assignment, JobId, JobRequest, TrainParams};
use transfer::{DownloadLimits, HubModel, Network, UnzipLimits, checkpoint_kind, hub, unzip};

use crate::WorkerError;

/// Requests name no revision, as the original endpoint's do not.
pub const HUB_REVISION: &str = "main";

/// Where base models come from.
#[derive(Debug, Clone)]
pub struct ModelStore {
    /// The base model when a job names none, as the command line writes it.
    pub default_model: String,
    /// The Hub's address.
    pub hub_endpoint: String,
    /// Keeps what was downloaded from the Hub.
    pub cache_dir: PathBuf,
}

/// The folders of one attempt, below its own directory; everything in it is deleted afterwards.
#[derive(Debug, Clone)]
pub struct AttemptDir {
    root: PathBuf,
}

impl AttemptDir {
    /// Makes an empty directory for the attempt.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn create(work_dir: &Path, job: &JobId, lease: i64) -> std::io::Result<Self> {
        let root = work_dir.join(format!("{job}-{lease}"));
        match std::fs::remove_dir_all(&root) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let dir = Self { root };
        std::fs::create_dir_all(dir.out())?;
        Ok(dir)
    }

    /// Where the child writes.
    pub fn out(&self) -> PathBuf {
        self.root.join("out")
    }

    fn zip(&self) -> PathBuf {
        self.root.join("data.zip")
    }

    fn images(&self) -> PathBuf {
        self.root.join("images")
    }

    /// Named by its field: sentences about it name the file.
    fn checkpoint(&self) -> PathBuf {
        self.root.join("ckpt_link")
    }

    /// A sentence for the job's owner, to whom this machine's folders mean nothing.
    pub fn without_paths(&self, sentence: &str) -> String {
        sentence.replace(&format!("{}/", self.root.display()), "")
    }
}

/// Removes what attempts of a former life of this worker left behind.
pub fn sweep(work_dir: &Path) {
    match std::fs::remove_dir_all(work_dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!(path = %work_dir.display(), %error, "folders of former attempts could not be removed");
        }
        _ => {}
    }
}

impl Drop for AttemptDir {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.root) {
            tracing::warn!(path = %self.root.display(), %error, "an attempt's folder could not be removed");
        }
    }
}

/// Downloads and unpacks, then says what the child is to do.
///
/// # Errors
/// One sentence that names the URL or file: the job fails with it.
pub async fn assignment(
    network: &Network,
    models: &ModelStore,
    job: &JobId,
    request: JobRequest,
    dir: &AttemptDir,
) -> Result<Assignment, WorkerError> {
    let (model, train) = match request.train {
        None => (models.default_model.clone(), None),
        Some(params) => {
            let images_dir = bring_images(network, &params, dir).await?;
            let model = bring_model(network, models, &params, dir).await?;
            (model, Some(TrainAssignment { params: without_secrets(params), images_dir }))
        }
    };
    Ok(Assignment { job: job.clone(), model, train, inference: request.inference, out_dir: dir.out() })
}

/// The child needs neither the URLs (they may be signed) nor the token.
fn without_secrets(params: TrainParams) -> TrainParams {
    TrainParams { data_url: None, ckpt_link: None, hf_token: None, ..params }
}

async fn bring_images(network: &Network, params: &TrainParams, dir: &AttemptDir) -> Result<PathBuf, WorkerError> {
    let url = params.data_url.as_deref().unwrap_or_default();
    network.download(url, &dir.zip(), DownloadLimits::ZIP, None, |_, _| {}).await?;
    let (zip, images) = (dir.zip(), dir.images());
    let unpacking = move || unzip::unpack(&zip, &images, UnzipLimits::PHOTOS).map(|_| images);
    let unpacked = tokio::task::spawn_blocking(unpacking).await;
    let unpacked = unpacked.map_err(|error| WorkerError::Attempt(format!("unpacking the zip ended early: {error}")))?;
    unpacked.map_err(|error| WorkerError::Job(format!("input.train.data_url: {error}")))
}

/// The base model as the child's command line would write it.
async fn bring_model(
    network: &Network,
    models: &ModelStore,
    params: &TrainParams,
    dir: &AttemptDir,
) -> Result<String, WorkerError> {
    if let Some(repository) = &params.hf_model {
        let model = HubModel {
            endpoint: &models.hub_endpoint,
            repo: repository,
            revision: HUB_REVISION,
            token: params.hf_token.as_ref(),
        };
        let folder = hub::fetch(network, model, &models.cache_dir, DownloadLimits::MODEL, |_| {}).await?;
        return Ok(folder.display().to_string());
    }
    let Some(link) = &params.ckpt_link else { return Ok(models.default_model.clone()) };
    let downloaded = dir.checkpoint();
    network.download(link, &downloaded, DownloadLimits::MODEL, None, |_, _| {}).await?;
    // By its first bytes: names in URLs say nothing.
    let file = downloaded.with_extension(checkpoint_kind(&downloaded, link)?.extension());
    std::fs::rename(&downloaded, &file).map_err(|error| WorkerError::io("name the checkpoint", &error))?;
    Ok(file.display().to_string())
}
