//! Brings in what a job needs, so that the child finds every file in place: the zip's images and the base model. What an
//! earlier attempt has brought in is there already.

use std::path::{Path, PathBuf};

use protocol::child::{FidelityModels, TrainAssignment};
use protocol::request::{Sealed, Settings, Sources};
use protocol::{Assignment, Failure, FailureCode, JobId, Secret};
use transfer::hub::HubFolder;
use transfer::{DownloadLimits, HubModel, Network, checkpoint_kind, hub};

use crate::failure::file;
use crate::photos::{PhotoFolders, Photos};
use crate::work_dir::JobDir;

/// What follows a checkpoint's path when its averaged weights are meant, as the child's command line would write it.
const EMA: &str = "@ema";
/// Endings of a checkpoint's file; its first bytes say which it gets.
const CHECKPOINT_EXTENSIONS: [&str; 2] = ["safetensors", "ckpt"];

/// The folder beside the cached models in which pictures of classes that they draw are kept.
pub const CLASS_CACHE: &str = "class-pictures";

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
    /// A single file, of which the averaged weights may be meant.
    fn file(path: &Path, ema: bool) -> Self {
        let ema = if ema { EMA } else { "" };
        Self { reference: format!("{}{ema}", path.display()), folder: None }
    }
}

/// What a job is given to work with.
#[derive(Debug)]
pub(crate) struct Inputs<'a> {
    pub(crate) network: &'a Network,
    pub(crate) models: &'a ModelStore,
    pub(crate) dir: &'a JobDir,
    /// Steps between two checkpoints of a training, when that is fixed.
    pub(crate) checkpoint_steps: Option<u32>,
    /// What judges sample pictures.
    pub(crate) fidelity: &'a FidelityModels,
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
                let photos = Photos { network: self.network, inputs_dir: self.dir.inputs() };
                let PhotoFolders { images_dir, class_images_dir } = photos.bring(&settings, &sealed.sources).await?;
                let base = self.model(&sealed.sources, sealed.secrets.hf_token.as_ref(), settings.ckpt_ema).await?;
                let class_cache_dir = Some(self.models.cache_dir.with_file_name(CLASS_CACHE));
                let train = TrainAssignment {
                    settings,
                    images_dir,
                    class_images_dir,
                    class_cache_dir,
                    checkpoint_steps: self.checkpoint_steps,
                    fidelity: self.fidelity.clone(),
                };
                (base, Some(train))
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

    async fn model(&self, sources: &Sources, token: Option<&Secret>, ema: bool) -> Result<Base, Failure> {
        if ema && sources.ckpt_link.is_none() {
            let sentence = "input.train.ckpt_ema is true, but there is no ckpt_link whose averaged weights could be meant; \
                            leave it out, or give ckpt_link.";
            return Err(Failure::new(FailureCode::SettingsUnusable, sentence));
        }
        if let Some(repository) = &sources.hf_model {
            return self.hub_model(repository, sources.hf_revision.as_deref(), token).await;
        }
        let Some(link) = &sources.ckpt_link else { return Ok(self.default_model()) };
        // Named by its field: sentences about it name the file.
        let downloaded = self.dir.inputs().join("ckpt_link");
        let there = CHECKPOINT_EXTENSIONS.map(|extension| downloaded.with_extension(extension));
        if let Some(file) = there.iter().find(|file| file.is_file()) {
            return Ok(Base::file(file, ema));
        }
        self.download(link.reveal(), &downloaded, DownloadLimits::MODEL).await?;
        // By its first bytes: names in URLs say nothing.
        let kind = checkpoint_kind(&downloaded, &link.to_string()).map_err(|error| Failure::from(&error))?;
        let named = downloaded.with_extension(kind.extension());
        std::fs::rename(&downloaded, &named).map_err(|error| file("name the checkpoint", &error))?;
        Ok(Base::file(&named, ema))
    }

    async fn hub_model(&self, repo: &str, revision: Option<&str>, token: Option<&Secret>) -> Result<Base, Failure> {
        let revision = revision.unwrap_or(hub::DEFAULT_REVISION);
        let model = HubModel { endpoint: &self.models.hub_endpoint, repo, revision, token };
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
