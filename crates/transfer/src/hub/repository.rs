//! What the hub says of a repository: which commit a revision means, which files there are.

use std::path::Path;

use protocol::FailureCode;
use reqwest::header::{ETAG, HeaderMap};
use reqwest::{Method, StatusCode};

use super::HubModel;
use crate::download::Wanted;
use crate::network::{Ask, Follow, Network};
use crate::web_url::{WebUrl, shown_text};
use crate::{DownloadLimits, TransferError};

/// Asked for first; every diffusers repository of Stable Diffusion 1.x has it.
const FIRST_FILE: &str = "unet/config.json";

/// Files without which there is no model.
const CONFIGS: [&str; 3] = [FIRST_FILE, "text_encoder/config.json", "vae/config.json"];

/// Files that are taken when they are there; otherwise `model` uses those of Stable Diffusion 1.5.
const OPTIONAL: [&str; 6] = [
    "model_index.json",
    "scheduler/scheduler_config.json",
    "tokenizer/vocab.json",
    "tokenizer/merges.txt",
    "tokenizer/tokenizer_config.json",
    "tokenizer/special_tokens_map.json",
];

/// Folder and stem of each part's weights.
const WEIGHTS: [(&str, &str, &str); 3] = [
    ("unet", "diffusion_pytorch_model", "diffusion_pytorch_model"),
    ("text_encoder", "model", "pytorch_model"),
    ("vae", "diffusion_pytorch_model", "diffusion_pytorch_model"),
];

/// A file of the repository, with what the hub announces of it.
#[derive(Debug)]
pub(super) struct RemoteFile {
    pub(super) name: String,
    /// Of large files alone.
    sha256: Option<String>,
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

    pub(super) fn model(&self) -> HubModel<'a> {
        self.model
    }

    /// The commit that the revision means; the revision itself where the hub, a plain mirror, does not tell.
    pub(super) async fn commit(&self) -> Result<String, TransferError> {
        let (status, headers) = self.head(self.model.revision, FIRST_FILE).await?;
        if status == StatusCode::NOT_FOUND && text(&headers, "x-error-code") == Some("RevisionNotFound") {
            return Err(self.refused(&format!("it has no revision {}; use main", self.model.revision)));
        }
        if status == StatusCode::NOT_FOUND {
            return Err(self.refused(
                "it does not exist, or is not in the diffusers layout (there is no unet/config.json); check its name, \
                 or use ckpt_link for a single-file model",
            ));
        }
        let commit = text(&headers, "x-repo-commit").filter(|commit| is_revision(commit));
        Ok(commit.unwrap_or(self.model.revision).to_owned())
    }

    /// The files to fetch, small ones first, every one of them known to be there.
    pub(super) async fn files(&self, commit: &str) -> Result<Vec<RemoteFile>, TransferError> {
        let mut files = Vec::new();
        for name in CONFIGS {
            let file = self.probe(commit, name).await?;
            let reason = "so it is not in the diffusers layout; use ckpt_link for a single-file model";
            files.push(file.ok_or_else(|| self.unusable(&format!("the repository has no {name}, {reason}")))?);
        }
        for name in OPTIONAL {
            files.extend(self.probe(commit, name).await?);
        }
        for weights in WEIGHTS {
            files.push(self.weights(commit, weights).await?);
        }
        Ok(files)
    }

    /// The best weights of a part: full precision before half, safetensors before pickle.
    async fn weights(
        &self,
        commit: &str,
        (part, stem, bin_stem): (&str, &str, &str),
    ) -> Result<RemoteFile, TransferError> {
        let names = [
            format!("{part}/{stem}.safetensors"),
            format!("{part}/{bin_stem}.bin"),
            format!("{part}/{stem}.fp16.safetensors"),
            format!("{part}/{bin_stem}.fp16.bin"),
        ];
        for name in &names {
            if let Some(file) = self.probe(commit, name).await? {
                return Ok(file);
            }
        }
        let reason = format!(
            "the repository has no weights for {part} (neither {} nor {}); choose another model",
            names[0], names[1]
        );
        Err(self.unusable(&reason))
    }

    async fn probe(&self, commit: &str, name: &str) -> Result<Option<RemoteFile>, TransferError> {
        let (status, headers) = self.head(commit, name).await?;
        if status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let etag = text(&headers, "x-linked-etag").or_else(|| text(&headers, ETAG.as_str()));
        let sha256 = etag.map(|etag| etag.trim_matches('"').to_ascii_lowercase()).filter(|etag| is_sha256(etag));
        let bytes = text(&headers, "x-linked-size").and_then(|bytes| bytes.parse().ok());
        Ok(Some(RemoteFile { name: name.to_owned(), sha256, bytes }))
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
            401 | 403 => Err(self.refused(match (text(headers, "x-error-code"), self.model.token.is_some()) {
                (Some("GatedRepo"), true) => "hf_token has no access to it; accept its terms on the model's page first",
                (Some("GatedRepo"), false) => {
                    "it asks for acceptance of its terms; accept them on its page and give hf_token"
                }
                (_, true) => "it does not exist, or hf_token may not read it; check the name and the token",
                (_, false) => "it does not exist or is private; check the name, and give hf_token if it is private",
            })),
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
        self.network.fetch(&Wanted { url: &url, dest, limits: self.limits, bearer, sha256 }, progress).await?;
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

fn is_plain(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=128).contains(&text.len()) && !text.starts_with('.') && text.bytes().all(fits)
}

/// `owner/name`, both fit to be part of a path.
fn is_repo(repo: &str) -> bool {
    repo.split_once('/').is_some_and(|(owner, name)| is_plain(owner) && is_plain(name))
}

fn is_revision(revision: &str) -> bool {
    revision.len() <= 200 && revision.split('/').all(is_plain)
}
