//! The body of `POST /run`, taken apart once: settings, which may be echoed, stored and reported; sources, from which bytes
//! come; and secrets. Nothing behind the parser reads a request again.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::bucket::{Bucket, S3Config};
use crate::parameter::{Secrecy, object, parameters, refuse_unknown};
use crate::secret::revealed;
use crate::train::{TrainOrigin, TrainRequest, parse_job};
use crate::value::describe;
use crate::{RequestError, Secret, SecretUrl, TrainSettings, Txt2ImgParams};

/// Most items in `input.inference`.
pub const INFERENCE_ITEMS_MAX: usize = 100;

/// A job request that cannot be wrong any more.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRequest {
    /// What is to be done.
    pub settings: Settings,
    /// From which bytes, and with whose keys.
    pub sealed: Sealed,
}

/// What is to be done. Nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// How to train; absent, the base model draws untrained.
    pub train: Option<TrainSettings>,
    /// What to draw afterwards.
    pub inference: Vec<Txt2ImgParams>,
    /// Execution and queueing limits.
    pub policy: Policy,
}

/// What is stored sealed, and only until the job ends.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Sealed {
    /// Where bytes come from: addresses may be signed.
    pub sources: Sources,
    /// Tokens and keys.
    pub secrets: Secrets,
}

/// Where the bytes of a job come from.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Sources {
    /// The zip of images; a training has one.
    #[serde(with = "revealed")]
    pub data_url: Option<SecretUrl>,
    /// A model repository to start from.
    pub hf_model: Option<String>,
    /// Its branch, tag or commit.
    #[serde(default)]
    pub hf_revision: Option<String>,
    /// A checkpoint to start from; never beside `hf_model`. Without both, the service's own base model.
    #[serde(with = "revealed")]
    pub ckpt_link: Option<SecretUrl>,
    /// A zip of images of the class.
    #[serde(default, with = "revealed")]
    pub class_data_url: Option<SecretUrl>,
    /// The zips of each concept, in the order of the settings' concepts.
    #[serde(default)]
    pub concepts: Vec<ConceptSources>,
}

/// The zips of one of several concepts.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ConceptSources {
    /// Its own zip of images; absent when they lie in a folder of the job's.
    #[serde(with = "revealed")]
    pub data_url: Option<SecretUrl>,
    /// A zip of images of its class.
    #[serde(with = "revealed")]
    pub class_data_url: Option<SecretUrl>,
}

/// What only the supervisor may know.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Secrets {
    /// Opens a private model repository.
    #[serde(with = "revealed")]
    pub hf_token: Option<Secret>,
    /// Where to report the end of the job.
    #[serde(with = "revealed")]
    pub webhook: Option<Secret>,
    /// Where to upload the trained model.
    pub bucket: Option<Bucket>,
}

parameters! {
    /// `policy`: execution and queueing limits, in milliseconds.
    #[derive(Serialize, Deserialize)]
    #[allow(non_snake_case, reason = "RunPod's keys")]
    pub struct Policy {
        /// Longest time from pickup to result; null means the server's setting.
        executionTimeout: Option<i64> = or(None), range(5_000, 604_800_000);
        /// Longest life from submission; null means the server's setting.
        ttl: Option<i64> = or(None), range(10_000, 604_800_000);
        /// Accepted for compatibility: runs after the jobs of normal priority.
        lowPriority: bool = or(false), anything();
    }
}

parameters! {
    /// What stands beside `input` and is no object.
    pub struct Envelope {
        /// URL endpoint to receive a webhook call on job complete, fail, or timeout.
        webhook ["webhookV2"]: Option<Secret> = or(None), http_url();
    }
}

impl Envelope {
    /// Whether the body's field `key` is one of these.
    pub(crate) fn has(key: &str) -> bool {
        Self::table().iter().any(|field| field.name == key || field.aliases.contains(&key))
    }
}

impl JobRequest {
    /// Reads a request body. Unknown top-level keys are dropped, as RunPod's gateway does; unknown keys below
    /// `input` are refused, as the original worker does.
    ///
    /// # Errors
    /// One sentence that names the field, the value and the remedy.
    pub fn parse(body: Value) -> Result<Self, RequestError> {
        let request = Self::read(body)?;
        // Taking the keys and not using them would be worse than saying so.
        if request.sealed.secrets.bucket.is_some() {
            return Err(RequestError::Conflict(
                "s3Config is given, but uploading to your own bucket is not available in this version; leave it out and \
                 download the model from output.train.checkpoint_url."
                    .into(),
            ));
        }
        Ok(request)
    }

    /// [`JobRequest::parse`] without the refusal of what this version cannot do.
    ///
    /// # Errors
    /// As `parse`.
    pub fn read(body: Value) -> Result<Self, RequestError> {
        const EXPECTED: &str = "an object with \"train\" and \"inference\"";
        let mut body = object(body, "The body", "a JSON object with the key \"input\"")?;
        let input = body
            .shift_remove("input")
            .ok_or_else(|| RequestError::Missing { path: "input".into(), expected: EXPECTED.into() })?;
        let mut input = object(input, "input", EXPECTED)?;
        let train = given(&mut input, "train").map(|train| parse_job(train, "input.train")).transpose()?;
        let inference = parse_inference(given(&mut input, "inference"))?;
        input.shift_remove("train");
        refuse_unknown(&input, "input", &["train", "inference"])?;
        if train.is_none() && inference.is_empty() {
            return Err(RequestError::Missing {
                path: "input.train".into(),
                expected: "an object with at least \"data_url\" (or give \"inference\" to draw with the base model)"
                    .into(),
            });
        }
        let policy = given(&mut body, "policy").unwrap_or_else(|| Map::new().into());
        let policy = Policy::parse(policy, "policy")?;
        // An empty address counts as none, as clients that fill in a form send it.
        body.retain(|key, value| value != "" || !Envelope::has(key));
        let Envelope { webhook } = Envelope::take(&mut body, "")?;
        let bucket = given(&mut body, "s3Config").map(|config| S3Config::parse(config, "s3Config")).transpose()?;
        let (train, sources, hf_token) = match train.map(apart) {
            Some((settings, sources, hf_token)) => (Some(settings), sources, hf_token),
            None => (None, Sources::default(), None),
        };
        let secrets = Secrets { hf_token, webhook, bucket: bucket.map(Bucket::from) };
        Ok(Self { settings: Settings { train, inference, policy }, sealed: Sealed { sources, secrets } })
    }
}

fn apart(request: TrainRequest) -> (TrainSettings, Sources, Option<Secret>) {
    let TrainOrigin { data_url, hf_model, hf_revision, hf_token, ckpt_link, class_data_url } = request.origin;
    let concepts = request.concepts.into_iter();
    let concepts = concepts
        .map(|concept| ConceptSources { data_url: concept.data_url, class_data_url: concept.class_data_url })
        .collect();
    (request.settings, Sources { data_url, hf_model, hf_revision, ckpt_link, class_data_url, concepts }, hf_token)
}

/// Removes a field; null counts as absent.
fn given(fields: &mut Map<String, Value>, key: &str) -> Option<Value> {
    fields.shift_remove(key).filter(|value| !value.is_null())
}

fn parse_inference(value: Option<Value>) -> Result<Vec<Txt2ImgParams>, RequestError> {
    let wrong = |found| RequestError::Wrong {
        path: "input.inference".into(),
        found,
        expected: format!("a list of at most {INFERENCE_ITEMS_MAX} objects, each with a \"prompt\""),
    };
    let items = match value {
        None => return Ok(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(other) => return Err(wrong(describe(&other, Secrecy::Open))),
    };
    if items.len() > INFERENCE_ITEMS_MAX {
        return Err(wrong(format!("a list of {} objects", items.len())));
    }
    let parse = |(index, item)| Txt2ImgParams::parse_item(item, &format!("input.inference[{index}]"));
    items.into_iter().enumerate().map(parse).collect()
}
