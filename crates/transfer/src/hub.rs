//! A model repository becomes a diffusers folder on this machine.
//!
//! Every fetch first asks the hub for one small file with the caller's own token: that settles whether the caller may
//! have the model (so a private model in the cache is not given to someone else) and which commit the revision means
//! (so that no folder is mixed from two versions). Only then does the cache count.
//!
//! `{cache_dir}/hub/{owner}--{name}/{commit}/` holds the folder; `complete.json` in it is written last, and its time of
//! change is when the model was last handed out. `.{commit}.lock` beside it is held alone by whoever fetches or deletes
//! the folder, and shared by whoever uses it. All of it is private: a model may be.
//! `{cache_dir}/hub/{owner}--{name}/refs/{revision}` names the commit that a revision meant when last asked, for
//! public models in times when the hub is down.

use std::path::Path;

use protocol::Secret;
use serde::{Deserialize, Serialize};

use crate::network::Network;
use crate::{DownloadLimits, TransferError, disk};

mod cache;
mod evict;
mod repository;

pub use cache::HubFolder;
use cache::ModelCache;
pub use evict::evict;
use repository::Repository;

/// The public hub, unless `HF_ENDPOINT` names a mirror.
pub const HUB_ENDPOINT: &str = "https://huggingface.co";

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
/// `text_encoder` and `vae` (`.safetensors` before `.bin`, full precision before half); `model_index.json`, scheduler
/// and tokenizer where the repository has them. A complete folder of the same commit is not fetched again. Several
/// callers, in this process or another, may ask at once: one fetches, the others wait. The folder stays as long as the
/// returned value lives; afterwards [`evict`] may take it. A call that is dropped leaves the files that have arrived
/// whole, for the next one, and holds nothing back.
///
/// # Errors
/// One sentence that names `hf_model` or `hf_token` for: a repository that does not exist, is private or gated, lacks a
/// part, or has a bad name; otherwise those of [`Network::download`].
pub async fn fetch(
    network: &Network,
    model: HubModel<'_>,
    cache_dir: &Path,
    limits: DownloadLimits,
    mut progress: impl FnMut(HubProgress<'_>) + Send,
) -> Result<HubFolder, TransferError> {
    let repository = Repository::new(network, model, limits)?;
    let cache = ModelCache::open(cache_dir, model.repo)?;
    let commit = match repository.commit().await {
        Ok(commit) => commit,
        Err(error) if error.is_temporary() => return cache.public_folder(model.revision).await?.ok_or(error),
        Err(error) => return Err(error),
    };
    cache.remember(model.revision, &commit)?;
    loop {
        if let Some(folder) = cache.hand_out(&commit).await? {
            return Ok(folder);
        }
        let _alone = cache.lock_alone(&commit).await?;
        // Whoever held the lock before may have fetched it.
        if !cache.is_complete(&commit) {
            fetch_commit(&repository, &cache, &commit, &mut progress).await?;
        }
        // Handed out under the other kind of lock: in between, an eviction may have been faster.
    }
}

/// Fetches what is missing of a commit's folder; for whoever holds its lock alone.
async fn fetch_commit(
    repository: &Repository<'_>,
    cache: &ModelCache,
    commit: &str,
    progress: &mut (impl FnMut(HubProgress<'_>) + Send),
) -> Result<(), TransferError> {
    let files = repository.files(commit).await?;
    let model = repository.model();
    let folder = cache.folder(commit);
    disk::private_dir(&folder)?;
    cache.remove_parts(&folder);
    let mut marker = Marker {
        repo: model.repo.to_owned(),
        commit: commit.to_owned(),
        public: model.token.is_none(),
        files: Vec::new(),
    };
    let missing: u64 =
        files.iter().filter(|file| !folder.join(&file.name).is_file()).filter_map(|file| file.bytes).sum();
    disk::check_room(&folder, &format!("hf_model {}", model.repo), missing)?;
    for file in files {
        let path = folder.join(&file.name);
        // Renamed into place after its hash was checked, by someone who did not get to the end.
        if !path.is_file() {
            let report = |bytes, total| progress(HubProgress { file: &file.name, bytes, total });
            repository.download(commit, &file, &path, report).await?;
        }
        marker.files.push(file.name);
    }
    cache.complete(&folder, &marker)
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
