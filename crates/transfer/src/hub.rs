//! A model repository becomes a diffusers folder on this machine.
//!
//! Every fetch first asks the hub for one small file with the caller's own token: that settles whether the caller may
//! have the model (so a private model in the cache is not given to someone else) and which commit the revision means
//! (so that no folder is mixed from two versions). Only then does the cache count.
//!
//! `{cache_dir}/hub/{owner}--{name}/{commit}/` holds the folder (behind the commit stands whose VAE is in it, where that is
//! not the repository's own: `sd15`); `complete.json` in it is written last, and its time of
//! change is when the model was last handed out. `.{commit}.lock` beside it is held alone by whoever fetches or deletes
//! the folder, and shared by whoever uses it. All of it is private: a model may be.
//! `{cache_dir}/hub/{owner}--{name}/refs/{revision}` names the commit that a revision meant when last asked, for
//! public models in times when the hub is down.

use std::path::{Path, PathBuf};

use protocol::Secret;
use serde::{Deserialize, Serialize};

use crate::network::Network;
use crate::{DownloadLimits, TransferError, disk};

mod cache;
mod closed;
mod evict;
mod layout;
mod repository;
mod sd15;

pub use cache::HubFolder;
use cache::ModelCache;
pub use evict::evict;
use repository::{RemoteFile, Repository};

/// The public hub, unless `HF_ENDPOINT` names a mirror.
pub const HUB_ENDPOINT: &str = "https://huggingface.co";

/// What is meant by a model without a revision.
pub const DEFAULT_REVISION: &str = "main";

/// Which model, from where, for whom.
#[derive(Debug, Clone, Copy)]
pub struct HubModel<'a> {
    /// The hub's address: [`HUB_ENDPOINT`] or what `HF_ENDPOINT` says.
    pub endpoint: &'a str,
    /// `owner/name`.
    pub repo: &'a str,
    /// Branch, tag or commit; `main` usually.
    pub revision: &'a str,
    /// The caller's access token; it is shown to the endpoint's host alone.
    pub token: Option<&'a Secret>,
}

/// One file of the folder, as [`fetch`] reports its progress.
#[derive(Debug, Clone, Copy)]
pub struct HubProgress<'a> {
    /// Path in the repository.
    pub file: &'a str,
    /// Bytes of it so far.
    pub bytes: u64,
    /// Bytes it has, if the hub said so.
    pub total: Option<u64>,
}

/// Fetches what training needs of a repository and returns the folder: `config.json` and weights of `unet`,
/// `text_encoder` and `vae` (full precision before half, `.safetensors` before `.bin`, one file before several with an
/// index); `model_index.json`, scheduler and tokenizer where the repository has them. The weights of Stable Diffusion 1.5's
/// VAE are those of `stabilityai/sd-vae-ft-mse`. A complete folder of the same commit is not fetched again. Several
/// callers, in this process or another, may ask at once: one fetches, the others wait. The folder stays as long as the
/// returned value lives; afterwards [`evict`] may take it. A call that is dropped leaves what has arrived for
/// the next one, whole files and the beginnings of large ones, and holds nothing back.
///
/// # Errors
/// One sentence that names `hf_model` or `hf_token` for: a repository that does not exist, is private or gated, lacks a
/// part, is another kind of model, or has a bad name; otherwise those of [`Network::download`].
pub async fn fetch(
    network: &Network,
    model: HubModel<'_>,
    cache_dir: &Path,
    limits: DownloadLimits,
    mut progress: impl FnMut(HubProgress<'_>) + Send,
) -> Result<HubFolder, TransferError> {
    let repository = Repository::new(network, model, limits)?;
    let cache = ModelCache::open(cache_dir, model.repo)?;
    let commit = match repository.commit(layout::FIRST_FILE).await {
        Ok(commit) => commit,
        Err(error) if error.is_temporary() => return cache.public_folder(model.revision).await?.ok_or(error),
        Err(error) => return Err(error),
    };
    let name = sd15::folder_name(model.repo, &commit);
    cache.remember(model.revision, &name)?;
    loop {
        if let Some(folder) = cache.hand_out(&name).await? {
            return Ok(folder);
        }
        let _alone = cache.lock_alone(&name).await?;
        // Whoever held the lock before may have fetched it.
        if !cache.is_complete(&name) {
            let folder = cache.folder(&name);
            disk::private_dir(&folder)?;
            let mut fetching = Fetching { folder: &folder, files: Vec::new(), progress: &mut progress };
            fetching.fetch(&repository, &commit).await?;
            cache.complete(&folder, &fetching.marker(&repository, &commit))?;
        }
        // Handed out under the other kind of lock: in between, an eviction may have been faster.
    }
}

/// A commit's folder that is being filled, by whoever holds its lock alone.
struct Fetching<'a, P> {
    folder: &'a Path,
    /// Those that are there, in order.
    files: Vec<String>,
    progress: &'a mut P,
}

impl<P: FnMut(HubProgress<'_>) + Send> Fetching<'_, P> {
    /// Fetches what is missing. Gigabytes begin when every file is known to be there and to fit.
    async fn fetch(&mut self, repository: &Repository<'_>, commit: &str) -> Result<(), TransferError> {
        self.download(repository, commit, repository.small_files(commit).await?).await?;
        if let Some(kind) = layout::other_kind(self.folder) {
            return Err(repository.other_kind(&kind));
        }
        let model = repository.model();
        let mut weights = repository.weights(commit, layout::UNET, self.folder).await?;
        weights.extend(repository.weights(commit, layout::TEXT_ENCODER, self.folder).await?);
        let better = repository.sibling(sd15::VAE_REPOSITORY);
        let better_commit = match sd15::has_better_vae(model.repo) {
            true => Some(better.commit("config.json").await?),
            false => None,
        };
        let vae = match &better_commit {
            Some(commit) => better.weights(commit, layout::LONE_VAE, self.folder).await?,
            None => repository.weights(commit, layout::VAE, self.folder).await?,
        };
        self.check_room(model.repo, weights.iter().chain(&vae))?;
        cache::remove_parts(self.folder, &self.parts(weights.iter().chain(&vae)));
        self.download(repository, commit, weights).await?;
        match &better_commit {
            Some(commit) => self.download(&better, commit, vae).await,
            None => self.download(repository, commit, vae).await,
        }
    }

    async fn download(
        &mut self,
        repository: &Repository<'_>,
        commit: &str,
        files: Vec<RemoteFile>,
    ) -> Result<(), TransferError> {
        for file in files {
            let path = self.folder.join(&file.place);
            // Renamed into place after its hash was checked, by someone who did not get to the end.
            if !path.is_file() {
                let report = |bytes, total| (self.progress)(HubProgress { file: &file.place, bytes, total });
                repository.download(commit, &file, &path, report).await?;
            }
            self.files.push(file.place);
        }
        Ok(())
    }

    fn check_room<'f>(&self, repo: &str, files: impl Iterator<Item = &'f RemoteFile>) -> Result<(), TransferError> {
        let missing = files.filter(|file| !self.folder.join(&file.place).is_file()).filter_map(|file| file.bytes);
        disk::check_room(self.folder, &format!("hf_model {repo}"), missing.sum())
    }

    /// Where the beginnings of these files lie.
    fn parts<'f>(&self, files: impl Iterator<Item = &'f RemoteFile>) -> Vec<PathBuf> {
        let part =
            |file: &RemoteFile| Some(disk::lasting_part_of(&self.folder.join(&file.place), file.sha256.as_ref()?));
        files.filter_map(part).collect()
    }

    fn marker(self, repository: &Repository<'_>, commit: &str) -> Marker {
        let model = repository.model();
        Marker { repo: model.repo.into(), commit: commit.into(), public: model.token.is_none(), files: self.files }
    }
}

/// `complete.json`: this folder is whole.
#[derive(Debug, Serialize, Deserialize)]
struct Marker {
    repo: String,
    commit: String,
    /// Fetched without a token, so anyone may have it.
    public: bool,
    files: Vec<String>,
}
