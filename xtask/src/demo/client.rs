//! A small client of the job API: what any user of the original endpoint has.

use std::time::Duration;

use serde_json::Value;
use ureq::Agent;

use super::error::DemoError;
use super::service::Service;

/// Longest silence of a service on the same machine that is training on every core.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Largest file that is fetched: a picture of the demo has a few dozen kilobytes.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Talks to one service with one key.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    base: String,
    authorization: String,
}

impl Client {
    /// A client of a running service.
    pub fn new(service: &Service) -> Self {
        let config = Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false).proxy(None);
        Self {
            agent: config.build().into(),
            base: format!("{}/v2/dream-booth-v1", service.address),
            authorization: format!("Bearer {}", service.key),
        }
    }

    /// `POST /run`; gives the job's id.
    ///
    /// # Errors
    /// When the service refuses the job.
    pub fn run(&self, request: &Value) -> Result<String, DemoError> {
        let url = format!("{}/run", self.base);
        let call = self.agent.post(&url).header("authorization", &self.authorization).content_type("application/json");
        let answer = read_json("POST /run", call.send(request.to_string()))?;
        let id = answer["id"].as_str();
        id.map(str::to_owned)
            .ok_or_else(|| DemoError::Answer { request: "POST /run".into(), answer: answer.to_string() })
    }

    /// `GET /status/{id}`: the job as it stands.
    ///
    /// # Errors
    /// When the service does not know the job any more.
    pub fn status(&self, id: &str) -> Result<Value, DemoError> {
        let url = format!("{}/status/{id}", self.base);
        read_json("GET /status", self.agent.get(&url).header("authorization", &self.authorization).call())
    }

    /// A file by its signed URL, which needs no key.
    ///
    /// # Errors
    /// When it is not there, or too large.
    pub fn file(&self, url: &str) -> Result<Vec<u8>, DemoError> {
        let wrong = |answer: String| DemoError::Answer { request: "GET of a result".into(), answer };
        let mut response = self.agent.get(url).call().map_err(|error| wrong(error.to_string()))?;
        if !response.status().is_success() {
            return Err(wrong(response.status().to_string()));
        }
        let body = response.body_mut().with_config().limit(FILE_BYTES_MAX);
        body.read_to_vec().map_err(|error| wrong(error.to_string()))
    }
}

fn read_json(
    request: &str,
    response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<Value, DemoError> {
    let wrong = |answer: String| DemoError::Answer { request: request.into(), answer };
    let mut response = response.map_err(|error| wrong(error.to_string()))?;
    let status = response.status();
    let text = response.body_mut().read_to_string().map_err(|error| wrong(error.to_string()))?;
    if !status.is_success() {
        return Err(wrong(format!("{status}: {text}")));
    }
    serde_json::from_str(&text).map_err(|error| wrong(format!("no JSON ({error})")))
}
