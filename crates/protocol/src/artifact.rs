//! Files of a job: their keys in the artifact store, and how JSON names them.
//!
//! In a stored output, event or progress a file is the object `{"artifact": "KEY"}`. Whoever shows the JSON to a client puts
//! an address in its place ([`with_addresses`]), so addresses never go stale in the database and no worker needs to know
//! the public name of the service.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::JobId;

/// Longest name of a file, in bytes.
const FILE_NAME_BYTES_MAX: usize = 160;

/// Names a file in the artifact store: `{job}/{lease}/{file}`. The lease's number keeps the attempts of a job apart: one
/// that was given up for lost and comes back can replace nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ArtifactKey {
    job: JobId,
    lease: i64,
    text: String,
}

/// Why a text is not an artifact key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an artifact key is a job id, the number of a lease and one plain file name, with slashes between")]
pub struct BadArtifactKey;

impl ArtifactKey {
    /// The key of a file that the attempt under `lease` made. `None` unless `file` is one plain file name of
    /// `[A-Za-z0-9._-]` that does not begin with a dot, and `lease` the number of a claim.
    pub fn new(job: &JobId, lease: i64, file: &str) -> Option<Self> {
        let plain = (1..=FILE_NAME_BYTES_MAX).contains(&file.len())
            && !file.starts_with('.')
            && file.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        (plain && lease > 0).then(|| Self { job: job.clone(), lease, text: format!("{job}/{lease}/{file}") })
    }

    /// Reads `{job}/{lease}/{file}` in exactly the form that [`ArtifactKey::as_str`] gives; `None` for anything else, `..`
    /// and absolute paths included.
    pub fn parse(text: &str) -> Option<Self> {
        let (job, rest) = text.split_once('/')?;
        let (lease, file) = rest.split_once('/')?;
        Self::new(&job.parse().ok()?, lease.parse().ok()?, file).filter(|key| key.text == text)
    }

    /// The key's text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The job whose file it is.
    pub fn job(&self) -> &JobId {
        &self.job
    }

    /// The number of the lease under which the file was made.
    pub fn lease(&self) -> i64 {
        self.lease
    }

    /// The file's own name.
    pub fn file_name(&self) -> &str {
        self.text.rsplit_once('/').map_or("", |(_, file)| file)
    }
}

impl TryFrom<String> for ArtifactKey {
    type Error = BadArtifactKey;

    fn try_from(text: String) -> Result<Self, BadArtifactKey> {
        Self::parse(&text).ok_or(BadArtifactKey)
    }
}

impl From<ArtifactKey> for String {
    fn from(key: ArtifactKey) -> Self {
        key.text
    }
}

/// A file as stored JSON names it: `{"artifact": "KEY"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArtifactRef {
    /// The file's key.
    pub artifact: ArtifactKey,
}

/// `value` with an address in place of every file, at every depth. Only files of `job` itself get one: an output is the
/// word of a worker, and must not open the files of other jobs.
pub fn with_addresses(value: &Value, job: &JobId, url: &dyn Fn(&ArtifactKey) -> String) -> Value {
    match value {
        Value::Object(fields) => match key_of(value).filter(|key| key.job() == job) {
            Some(key) => Value::String(url(&key)),
            None => fields.iter().map(|(name, field)| (name.clone(), with_addresses(field, job, url))).collect(),
        },
        Value::Array(items) => items.iter().map(|item| with_addresses(item, job, url)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// Every file that `value` names, at every depth.
pub fn artifacts_in(value: &Value) -> Vec<ArtifactKey> {
    match value {
        Value::Object(fields) => match key_of(value) {
            Some(key) => vec![key],
            None => fields.values().flat_map(artifacts_in).collect(),
        },
        Value::Array(items) => items.iter().flat_map(artifacts_in).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

fn key_of(value: &Value) -> Option<ArtifactKey> {
    let fields = value.as_object().filter(|fields| fields.len() == 1)?;
    ArtifactKey::parse(fields.get("artifact")?.as_str()?)
}
