//! The body of `POST /run`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::parameter::{is_http_url, object, parameters, refuse_unknown};
use crate::value::describe;
use crate::{RequestError, TrainParams, Txt2ImgParams};

/// Most items in `input.inference`.
pub const INFERENCE_ITEMS_MAX: usize = 100;

/// A job request that cannot be wrong any more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobRequest {
    /// How to train; absent, the base model draws untrained.
    pub train: Option<TrainParams>,
    /// What to draw afterwards.
    pub inference: Vec<Txt2ImgParams>,
    /// Where to report the end of the job.
    pub webhook: Option<String>,
    /// Execution and queueing limits.
    pub policy: Policy,
}

parameters! {
    /// `policy`: execution and queueing limits, in milliseconds.
    #[allow(non_snake_case, reason = "RunPod's keys")]
    pub struct Policy {
        /// Longest time from pickup to result; null means the server's setting.
        executionTimeout: Option<i64> = or(None), if_given(range(5_000, 604_800_000));
        /// Longest life from submission; null means the server's setting.
        ttl: Option<i64> = or(None), if_given(range(10_000, 604_800_000));
        /// Accepted for compatibility: runs after the jobs of normal priority.
        lowPriority: bool = or(false), anything();
    }
}

impl JobRequest {
    /// Reads a request body. Unknown top-level keys are dropped, as RunPod's gateway does; unknown keys below
    /// `input` are refused, as the original worker does.
    ///
    /// # Errors
    /// One sentence that names the field, the value and the remedy.
    pub fn parse(body: &Value) -> Result<Self, RequestError> {
        let body = object(body, "The body", "a JSON object with the key \"input\"")?;
        let input = body.get("input").ok_or_else(|| RequestError::Missing {
            path: "input".into(),
            expected: "an object with \"train\" and \"inference\"".into(),
        })?;
        let input = object(input, "input", "an object with \"train\" and \"inference\"")?;
        refuse_s3(body.get("s3Config"))?;
        let request = Self {
            train: optional(&input, "train").map(|v| TrainParams::parse_job(v, "input.train")).transpose()?,
            inference: parse_inference(optional(&input, "inference"))?,
            webhook: parse_webhook(optional(&body, "webhook").or(optional(&body, "webhookV2")))?,
            policy: Policy::parse(optional(&body, "policy").unwrap_or(&Value::Object(Map::new())), "policy")?,
        };
        let mut rest = input;
        rest.retain(|key, _| key != "train" && key != "inference");
        refuse_unknown(&rest, "input", &["train", "inference"])?;
        if request.train.is_none() && request.inference.is_empty() {
            return Err(RequestError::Missing {
                path: "input.train".into(),
                expected: "an object with at least \"data_url\" (or give \"inference\" to draw with the base model)"
                    .into(),
            });
        }
        Ok(request)
    }
}

fn optional<'a>(fields: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    fields.get(key).filter(|value| !value.is_null())
}

fn parse_inference(value: Option<&Value>) -> Result<Vec<Txt2ImgParams>, RequestError> {
    let wrong = |found| RequestError::Wrong {
        path: "input.inference".into(),
        found,
        expected: format!("a list of at most {INFERENCE_ITEMS_MAX} objects, each with a \"prompt\""),
    };
    let Some(value) = value else { return Ok(Vec::new()) };
    let items = value.as_array().ok_or_else(|| wrong(describe(value, false)))?;
    if items.len() > INFERENCE_ITEMS_MAX {
        return Err(wrong(format!("a list of {} objects", items.len())));
    }
    let parse = |(index, item)| Txt2ImgParams::parse_checked(item, &format!("input.inference[{index}]"));
    items.iter().enumerate().map(parse).collect()
}

fn parse_webhook(value: Option<&Value>) -> Result<Option<String>, RequestError> {
    let Some(value) = value else { return Ok(None) };
    match value.as_str() {
        Some("") => Ok(None),
        Some(url) if is_http_url(url) => Ok(Some(url.into())),
        _ => Err(RequestError::Wrong {
            path: "webhook".into(),
            found: describe(value, false),
            expected: "a URL that begins with http:// or https://".into(),
        }),
    }
}

/// Uploading to a user's bucket is not there yet; taking the keys and not using them would be worse than saying so.
fn refuse_s3(value: Option<&Value>) -> Result<(), RequestError> {
    match value {
        None | Some(Value::Null) => Ok(()),
        Some(_) => Err(RequestError::Conflict(
            "s3Config is given, but uploading to your own bucket is not available in this version; leave it out and \
             download the model from output.train.checkpoint_url."
                .into(),
        )),
    }
}

/// The `input` of a request as it may be shown to its owner: tokens are replaced by stars.
pub fn redact(mut input: Value) -> Value {
    if let Some(token) = input.pointer_mut("/train/hf_token")
        && !token.is_null()
    {
        *token = "***".into();
    }
    input
}
