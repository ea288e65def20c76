//! What a finished job holds. Files are named by key; whoever shows the output turns keys into signed URLs.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::JobId;

/// Names a file in the artifact store: `{job id}/{file name}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ArtifactKey(String);

/// Why a text is not an artifact key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an artifact key is a job id, a slash and one plain file name")]
pub struct BadArtifactKey;

impl ArtifactKey {
    /// The key of a job's file. `None` unless `file` is one plain file name of `[A-Za-z0-9._-]`.
    pub fn new(job: &JobId, file: &str) -> Option<Self> {
        let plain = !file.is_empty()
            && file.len() <= 128
            && !file.starts_with('.')
            && file.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        plain.then(|| Self(format!("{job}/{file}")))
    }

    /// Reads `{job id}/{file name}`; `None` for anything else, `..` and absolute paths included.
    pub fn parse(text: &str) -> Option<Self> {
        let (job, file) = text.split_once('/')?;
        Self::new(&job.parse().ok()?, file)
    }

    /// The key's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The file name without the job's id.
    pub fn file_name(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, file)| file)
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
        key.0
    }
}

/// The result of a completed job.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct JobOutput {
    /// One entry per item of `input.inference`, in its order.
    pub inference: Vec<ImagesOutput>,
    /// The trained model; absent when nothing was trained.
    pub train: Option<TrainOutput>,
}

/// The answer to one item of `input.inference`: the web UI's response with images by key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImagesOutput {
    /// PNG files in the order of their seeds.
    pub images: Vec<ArtifactKey>,
    /// The request object with its defaults.
    pub parameters: Value,
    /// JSON text with the resolved seeds, prompts and infotexts.
    pub info: String,
    /// Returned as it came.
    pub passback: Option<Value>,
}

/// The trained model as single files in the original naming, fp16.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainOutput {
    /// `{job id}.ckpt`, the format the original endpoint uploads.
    pub checkpoint: ArtifactKey,
    /// The same weights as `.safetensors`.
    pub safetensors: ArtifactKey,
    /// `train.json`: losses per step, timings.
    pub report: ArtifactKey,
}

impl JobOutput {
    /// The output as clients see it, with `url` turning each key into an address.
    pub fn render(&self, url: impl Fn(&ArtifactKey) -> String) -> Value {
        let mut output = Map::new();
        if !self.inference.is_empty() {
            let item = |item: &ImagesOutput| {
                json!({
                    "images": item.images.iter().map(&url).collect::<Vec<_>>(),
                    "parameters": item.parameters,
                    "info": item.info,
                    "passback": item.passback,
                })
            };
            output.insert("inference".into(), self.inference.iter().map(item).collect());
        }
        if let Some(train) = &self.train {
            output.insert(
                "train".into(),
                json!({
                    "checkpoint_url": url(&train.checkpoint),
                    "safetensors_url": url(&train.safetensors),
                    "report_url": url(&train.report),
                }),
            );
        }
        Value::Object(output)
    }
}
