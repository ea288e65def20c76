//! What the hub says of a repository: which commit a revision means, which files there are.

use std::path::Path;

use protocol::FailureCode;
use reqwest::header::{ETAG, HeaderMap};
use reqwest::{Method, StatusCode};

use super::closed::{ERROR_CODE, closed};
use super::layout::{self, Candidate, MODEL_INDEX, Weights, is_plain};
use super::{DEFAULT_REVISION, HubModel};
use crate::download::Wanted;
use crate::network::{Ask, Follow, Network};
use crate::web_url::{WebUrl, shown_text};
use crate::{DownloadLimits, TransferError};

/// Longest answer that is read into memory: a list of a model's parts has 1 kB.
const SMALL_BYTES_MAX: u64 = 1 << 20;

/// A file of the repository, with what the hub announces of it.
#[derive(Debug)]
pub(super) struct RemoteFile {
    /// Path in the repository.
    pub(super) name: String,
    /// Path in the folder.
    pub(super) place: String,
    /// Of large files alone.
    pub(super) sha256: Option<String>,
    pub(super) bytes: Option<u64>,
}

/// A repository as the caller's token sees it.
pub(super) struct Repository<'a> {
    network: &'a Network,
    model: HubModel<'a>,
    limits: DownloadLimits,
}

impl<'a> Repository<'a> {
    pub(super) fn new(
        network: &'a Network,
        model: HubModel<'a>,
        limits: DownloadLimits,
    ) -> Result<Self, TransferError> {
        let repository = Self { network, model, limits };
        if !is_repo(model.repo) {
            return Err(repository.refused("it is not a repository name; write it as owner/name"));
        }
        if !is_revision(model.revision) {
            return Err(repository.refused("its revision is not a branch, tag or commit; use main"));
        }
        if model.token.is_some_and(|token| !token.reveal().bytes().all(|b| b.is_ascii_graphic())) {
            return Err(repository.refused("hf_token is not an access token; copy it again, without blanks around it"));
        }
        Ok(repository)
    }

    /// Another repository of the same hub, for the same caller.
    pub(super) fn sibling(&self, repo: &'static str) -> Repository<'a> {
        Self {
            network: self.network,
            model: HubModel { repo, revision: DEFAULT_REVISION, ..self.model },
            limits: self.limits,
        }
    }

    pub(super) fn model(&self) -> HubModel<'a> {
        self.model
    }

    /// The commit that the revision means, as the hub says of `first_file`; the revision itself where the hub, a plain
    /// mirror, does not tell.
    pub(super) async fn commit(&self, first_file: &str) -> Result<String, TransferError> {
        let (status, headers) = self.head(self.model.revision, first_file).await?;
        if status == StatusCode::NOT_FOUND {
            return Err(self.not_found(first_file, text(&headers, ERROR_CODE)).await);
        }
        let commit = text(&headers, "x-repo-commit").filter(|commit| is_revision(commit));
        Ok(commit.unwrap_or(self.model.revision).to_owned())
    }

    /// Why the first file is not there.
    async fn not_found(&self, first_file: &str, code: Option<&str>) -> TransferError {
        match code {
            Some("RevisionNotFound") => {
                let revision = self.model.revision;
                return self.refused(&format!("it has no revision {revision}; check hf_revision, or leave it out"));
            }
            Some("RepoNotFound") => {
                return self.refused("it does not exist, or hf_token may not read it; check the name and the token");
            }
            _ => {}
        }
        // A diffusion transformer has no UNet, but a list of its parts.
        match self.read_small(MODEL_INDEX).await.as_deref().map(layout::parse) {
            Ok(index) if let Some(kind) = layout::kind_of_index(&index) => self.other_kind(&kind),
            _ => self.refused(&format!(
                "it does not exist, or is not in the diffusers layout (there is no {first_file}); check its name, or use \
                 ckpt_link for a single-file model"
            )),
        }
    }

    /// The configurations, every one of them known to be there.
    pub(super) async fn small_files(&self, commit: &str) -> Result<Vec<RemoteFile>, TransferError> {
        let mut files = Vec::new();
        for name in layout::CONFIGS {
            let file = self.probe(commit, name).await?;
            let reason = "so it is not in the diffusers layout; use ckpt_link for a single-file model";
            files.push(file.ok_or_else(|| self.unusable(&format!("the repository has no {name}, {reason}")))?);
        }
        for name in layout::OPTIONAL {
            files.extend(self.probe(commit, name).await?);
        }
        Ok(files)
    }

    /// The best weights of a network, in one file or several, every one of them known to be there. An index is fetched on
    /// the way.
    pub(super) async fn weights(
        &self,
        commit: &str,
        weights: Weights,
        folder: &Path,
    ) -> Result<Vec<RemoteFile>, TransferError> {
        let candidates = weights.candidates();
        for candidate in &candidates {
            let (Candidate::Whole(name) | Candidate::Index(name)) = candidate;
            let Some(file) = self.probe(commit, name).await? else { continue };
            let file = RemoteFile { place: weights.place(name), ..file };
            return match candidate {
                Candidate::Whole(_) => Ok(vec![file]),
                Candidate::Index(_) => self.shards(commit, weights, file, folder).await,
            };
        }
        let [Candidate::Whole(first), _, Candidate::Whole(second), ..] = &candidates else { return Ok(Vec::new()) };
        let part = weights.part;
        Err(self.unusable(&format!(
            "the repository has no weights for {part} (neither {first} nor {second}); choose another model"
        )))
    }

    /// The index and the files that it names.
    async fn shards(
        &self,
        commit: &str,
        weights: Weights,
        index: RemoteFile,
        folder: &Path,
    ) -> Result<Vec<RemoteFile>, TransferError> {
        let path = folder.join(&index.place);
        if !path.is_file() {
            self.download(commit, &index, &path, |_, _| {}).await?;
        }
        let broken = |reason: &str| self.unusable(&format!("its {} {reason}; choose another model", index.name));
        let mut files = Vec::new();
        for shard in layout::shards(&path).map_err(|reason| broken(&reason))? {
            let name = weights.beside(&shard);
            let file = self.probe(commit, &name).await?;
            let file = file.ok_or_else(|| broken(&format!("names {shard}, which is not there")))?;
            files.push(RemoteFile { place: weights.place(&name), ..file });
        }
        files.push(index);
        Ok(files)
    }

    /// A small file of the revision.
    async fn read_small(&self, name: &str) -> Result<Vec<u8>, TransferError> {
        let dir = tempfile::tempdir().map_err(TransferError::file("write in", &std::env::temp_dir()))?;
        let path = dir.path().join("small");
        let url = self.url(self.model.revision, name)?;
        let limits = DownloadLimits { max_bytes: SMALL_BYTES_MAX, ..self.limits };
        self.network.download(url.url().as_str(), &path, limits, self.model.token, |_, _| {}).await?;
        std::fs::read(&path).map_err(TransferError::file("read", &path))
    }

    async fn probe(&self, commit: &str, name: &str) -> Result<Option<RemoteFile>, TransferError> {
        let (status, headers) = self.head(commit, name).await?;
        if status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let etag = text(&headers, "x-linked-etag").or_else(|| text(&headers, ETAG.as_str()));
        let sha256 = etag.map(|etag| etag.trim_matches('"').to_ascii_lowercase()).filter(|etag| is_sha256(etag));
        let bytes = text(&headers, "x-linked-size").and_then(|bytes| bytes.parse().ok());
        Ok(Some(RemoteFile { name: name.to_owned(), place: name.to_owned(), sha256, bytes }))
    }

    /// Asks for the head of a file, as far as the hub itself answers: its large files lie on other hosts, and what
    /// it says of them stands in the redirect.
    async fn head(&self, revision: &str, name: &str) -> Result<(StatusCode, HeaderMap), TransferError> {
        let url = self.url(revision, name)?;
        let mut failures = 0;
        loop {
            let ask = Ask {
                method: Method::HEAD,
                url: &url,
                headers: HeaderMap::new(),
                bearer: self.model.token,
                cookies: None,
                body: None,
                follow: Follow::SameOrigin,
                answer_timeout: self.limits.idle_timeout,
            };
            let outcome =
                self.network.send(&ask).await.and_then(|answer| self.judge(&url, answer.status(), answer.headers()));
            match outcome {
                Err(error) if error.is_temporary() && failures + 1 < self.limits.failures_max => {
                    tokio::time::sleep(self.limits.retry_pause * (1 << failures.min(5))).await;
                    failures += 1;
                }
                outcome => return outcome,
            }
        }
    }

    /// Found, redirected and missing are answers; the rest are errors.
    fn judge(
        &self,
        url: &WebUrl,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Result<(StatusCode, HeaderMap), TransferError> {
        match status.as_u16() {
            200..=399 | 404 => Ok((status, headers.clone())),
            401 | 403 => Err(self.refused(closed(headers, self.model.token.is_some()))),
            status => {
                let remedy = crate::error::status_remedy(status);
                Err(TransferError::Status { url: url.to_string(), status, remedy })
            }
        }
    }

    /// Fetches one file to `dest`, with its hash checked where the hub announced one.
    pub(super) async fn download(
        &self,
        commit: &str,
        file: &RemoteFile,
        dest: &Path,
        progress: impl FnMut(u64, Option<u64>) + Send,
    ) -> Result<(), TransferError> {
        let url = self.url(commit, &file.name)?;
        let (bearer, sha256) = (self.model.token, file.sha256.as_deref());
        self.network
            .fetch(&Wanted { url: &url, dest, limits: self.limits, bearer, sha256, is_drive: false }, progress)
            .await?;
        Ok(())
    }

    fn url(&self, revision: &str, name: &str) -> Result<WebUrl, TransferError> {
        let endpoint = self.model.endpoint.trim_end_matches('/');
        // A slash in a revision is part of its name; the other characters of one need no encoding.
        let revision = revision.replace('/', "%2F");
        WebUrl::parse(&format!("{endpoint}/{}/resolve/{revision}/{name}", self.model.repo))
    }

    /// The model is not there, or not for this caller.
    fn refused(&self, reason: &str) -> TransferError {
        self.error(FailureCode::ModelNotFound, reason)
    }

    /// The model is another than what this program trains.
    pub(super) fn other_kind(&self, kind: &str) -> TransferError {
        self.unusable(&format!("it is {kind}; only Stable Diffusion 1.x is supported"))
    }

    /// The model is there, and of no use.
    fn unusable(&self, reason: &str) -> TransferError {
        self.error(FailureCode::ModelUnusable, reason)
    }

    fn error(&self, code: FailureCode, reason: &str) -> TransferError {
        // What is no name may be a whole address, with a token in it.
        let repo = if is_repo(self.model.repo) { self.model.repo.to_owned() } else { shown_text(self.model.repo) };
        TransferError::Hub { repo, reason: reason.to_owned(), code }
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// `owner/name`, both fit to be part of a path.
fn is_repo(repo: &str) -> bool {
    repo.split_once('/').is_some_and(|(owner, name)| is_plain(owner) && is_plain(name))
}

fn is_revision(revision: &str) -> bool {
    revision.len() <= 200 && revision.split('/').all(is_plain)
}
