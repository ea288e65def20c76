//! Brings in what a job needs, so that the child finds every file in place: the zip's images and the base model. What an
//! earlier attempt has brought in is there already.

use std::path::{Path, PathBuf};

use protocol::child::TrainAssignment;
use protocol::request::{Sealed, Settings, Sources};
use protocol::{Assignment, Failure, FailureCode, JobId, Secret};
use transfer::hub::HubFolder;
use transfer::{DownloadLimits, HubModel, Network, UnzipLimits, checkpoint_kind, hub, unzip};

use crate::failure::file;
use crate::work_dir::JobDir;

/// Requests name no revision, as the original endpoint's do not.
pub const HUB_REVISION: &str = "main";
/// Endings of a checkpoint's file; its first bytes say which it gets.
const CHECKPOINT_EXTENSIONS: [&str; 2] = ["safetensors", "ckpt"];

/// Where base models come from.
#[derive(Debug, Clone)]
pub struct ModelStore {
    /// The base model when a job names none, as the command line writes it.
    pub default_model: String,
    /// The Hub's address.
    pub hub_endpoint: String,
    /// Keeps what was downloaded from the Hub.
    pub cache_dir: PathBuf,
    /// Most bytes it keeps: what was not used for the longest goes first. `None` keeps everything.
    pub cache_bytes_max: Option<u64>,
}

/// What the child is to do, and what must live as long as it does.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) assignment: Assignment,
    /// Keeps the base model in the cache.
    pub(crate) _model: Option<HubFolder>,
}

/// A base model in place.
struct Base {
    /// As the child's command line would write it.
    reference: String,
    folder: Option<HubFolder>,
}

impl Base {
    fn at(path: &Path) -> Self {
        Self { reference: path.display().to_string(), folder: None }
    }
}

/// What a job is given to work with.
#[derive(Debug)]
pub(crate) struct Inputs<'a> {
    pub(crate) network: &'a Network,
    pub(crate) models: &'a ModelStore,
    pub(crate) dir: &'a JobDir,
}

impl Inputs<'_> {
    /// Downloads and unpacks, then says what the child is to do. Dropping it is safe at any moment: what is not complete
    /// does not have its name.
    ///
    /// # Errors
    /// One sentence that names the URL or file.
    pub(crate) async fn assignment(&self, job: &JobId, settings: Settings, sealed: &Sealed) -> Result<Ready, Failure> {
        let (base, train) = match settings.train {
            None => (self.default_model(), None),
            Some(settings) => {
                let images_dir = self.images(&sealed.sources).await?;
                let base = self.model(&sealed.sources, sealed.secrets.hf_token.as_ref()).await?;
                (base, Some(TrainAssignment { settings, images_dir }))
            }
        };
        let assignment = Assignment {
            job: job.clone(),
            model: base.reference,
            train,
            inference: settings.inference,
            out_dir: self.dir.out(),
            scratch_dir: self.dir.scratch(),
        };
        Ok(Ready { assignment, _model: base.folder })
    }

    fn default_model(&self) -> Base {
        Base { reference: self.models.default_model.clone(), folder: None }
    }

    async fn images(&self, sources: &Sources) -> Result<PathBuf, Failure> {
        let images = self.dir.inputs().join("images");
        // Unpacking gives the folder its name last.
        if images.is_dir() {
            return Ok(images);
        }
        let zip = self.dir.inputs().join("data.zip");
        let url = sources.data_url.as_ref().map_or("", |url| url.reveal());
        self.download(url, &zip, DownloadLimits::ZIP).await?;
        let (from, to) = (zip.clone(), images.clone());
        let unpacked = tokio::task::spawn_blocking(move || unzip::unpack(&from, &to, UnzipLimits::PHOTOS)).await;
        let unpacked = unpacked
            .map_err(|error| Failure::new(FailureCode::Internal, format!("unpacking the zip ended early: {error}")))?;
        unpacked.map_err(|error| {
            let failure = Failure::from(&error);
            Failure { sentence: format!("input.train.data_url: {}", failure.sentence), ..failure }
        })?;
        // Its bytes are in the images now.
        drop(tokio::fs::remove_file(&zip).await);
        Ok(images)
    }

    async fn model(&self, sources: &Sources, token: Option<&Secret>) -> Result<Base, Failure> {
        if let Some(repository) = &sources.hf_model {
            return self.hub_model(repository, token).await;
        }
        let Some(link) = &sources.ckpt_link else { return Ok(self.default_model()) };
        // Named by its field: sentences about it name the file.
        let downloaded = self.dir.inputs().join("ckpt_link");
        let there = CHECKPOINT_EXTENSIONS.map(|extension| downloaded.with_extension(extension));
        if let Some(file) = there.iter().find(|file| file.is_file()) {
            return Ok(Base::at(file));
        }
        self.download(link.reveal(), &downloaded, DownloadLimits::MODEL).await?;
        // By its first bytes: names in URLs say nothing.
        let kind = checkpoint_kind(&downloaded, &link.to_string()).map_err(|error| Failure::from(&error))?;
        let named = downloaded.with_extension(kind.extension());
        std::fs::rename(&downloaded, &named).map_err(|error| file("name the checkpoint", &error))?;
        Ok(Base::at(&named))
    }

    async fn hub_model(&self, repository: &str, token: Option<&Secret>) -> Result<Base, Failure> {
        let model = HubModel { endpoint: &self.models.hub_endpoint, repo: repository, revision: HUB_REVISION, token };
        let fetched = hub::fetch(self.network, model, &self.models.cache_dir, DownloadLimits::MODEL, |_| {}).await;
        let folder = fetched.map_err(|error| Failure::from(&error))?;
        self.evict(folder.path()).await;
        Ok(Base { reference: folder.path().display().to_string(), folder: Some(folder) })
    }

    /// Keeps the cache within its budget, but for the model that is about to be used.
    async fn evict(&self, keep: &Path) {
        let Some(budget) = self.models.cache_bytes_max else { return };
        let (cache_dir, keep) = (self.models.cache_dir.clone(), keep.to_owned());
        match tokio::task::spawn_blocking(move || hub::evict(&cache_dir, budget, &keep)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the models could not be kept within their budget"),
            Err(error) => tracing::warn!(%error, "the models could not be kept within their budget"),
        }
    }

    async fn download(&self, url: &str, to: &Path, limits: DownloadLimits) -> Result<(), Failure> {
        let downloaded = self.network.download(url, to, limits, None, |_, _| {}).await;
        downloaded.map(|_| ()).map_err(|error| Failure::from(&error))
    }
}
