//! What every handler and loop shares, and the one place where a job is shown with the addresses of its files.

use axum::http::{HeaderMap, header};
use jobs::{JobStore, StoreError};
use protocol::view::{ApiVersion, job_view, webhook_body};
use protocol::{JobRecord, Secret};
use serde_json::Value;
use transfer::{ArtifactStore, Network, SIGNED_URL_LIFETIME_S, UrlSigner};

use crate::body::BodyRoom;
use crate::config::ServerConfig;

/// The server's parts. It remembers nothing itself: jobs and keys are the store's, files the artifact store's, so any
/// number of servers may run on the same ones.
#[derive(Debug, Clone)]
pub struct AppState {
    /// Jobs, keys, webhooks to deliver.
    pub store: JobStore,
    /// The files of jobs.
    pub artifacts: ArtifactStore,
    /// Makes and checks the addresses of those files.
    pub signer: UrlSigner,
    /// Sends the webhooks.
    pub network: Network,
    /// The room for large bodies.
    pub bodies: BodyRoom,
    /// The settings.
    pub config: ServerConfig,
}

impl AppState {
    /// The view of a job for a client that asked with `headers`.
    ///
    /// # Errors
    /// When the store's clock cannot be read.
    pub(crate) async fn view(
        &self,
        job: &JobRecord,
        version: ApiVersion,
        headers: &HeaderMap,
    ) -> Result<Value, StoreError> {
        let base = self.config.reachable_url().map(String::from).or_else(|| asked_url(headers));
        let base = base.unwrap_or_else(|| self.config.url_without_client());
        let now_ms = self.store.now_ms().await?;
        let expires_s = link_expiry_s(now_ms);
        Ok(job_view(job, version, now_ms, &|key| self.signer.sign(&base, key, expires_s)))
    }

    /// The body of the webhook that reports the end of a job to `webhook`.
    ///
    /// # Errors
    /// When the store's clock cannot be read.
    pub(crate) async fn webhook_body(&self, job: &JobRecord, webhook: &Secret) -> Result<Value, StoreError> {
        let base = self.config.url_without_client();
        let now_ms = self.store.now_ms().await?;
        let expires_s = link_expiry_s(now_ms);
        Ok(webhook_body(job, webhook.reveal(), now_ms, &|key| self.signer.sign(&base, key, expires_s)))
    }

    /// The store's clock in seconds since 1970: the one clock that all hosts share.
    pub(crate) async fn now_s(&self) -> Result<i64, StoreError> {
        Ok(self.store.now_ms().await?.div_euclid(1000))
    }
}

/// When addresses that are made now end, in seconds since 1970.
fn link_expiry_s(now_ms: i64) -> i64 {
    now_ms.div_euclid(1000) + SIGNED_URL_LIFETIME_S
}

/// The address that a client asked for, as far as it says so. Only that client reads it again, so it may be believed.
fn asked_url(headers: &HeaderMap) -> Option<String> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let is_plain = host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']'));
    (is_plain && !host.is_empty()).then(|| format!("http://{host}"))
}
