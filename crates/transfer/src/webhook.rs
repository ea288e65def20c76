//! Reporting the end of a job to the address its owner gave.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use crate::TransferError;
use crate::network::{Ask, Follow, Network};
use crate::web_url::WebUrl;

/// Longest wait for a webhook's answer: RunPod's own limit (spec runpod-api §3).
pub const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(10);

impl Network {
    /// Posts `body` and returns the HTTP status, whatever it is; the caller decides which ones mean "accepted".
    /// Redirects are not followed (3xx is returned): a webhook that moves should be told to whoever registered it.
    /// The answer's body is not read. `headers` that are no valid headers are left out.
    ///
    /// # Errors
    /// When the address is bad or refused, cannot be reached, or does not answer within `timeout`.
    pub async fn post_json(
        &self,
        url: &str,
        body: &Value,
        headers: &[(&str, &str)],
        timeout: Duration,
    ) -> Result<u16, TransferError> {
        let url = WebUrl::parse(url)?;
        let ask = Ask {
            method: Method::POST,
            url: &url,
            headers: webhook_headers(headers),
            bearer: None,
            body: Some(body.to_string().into_bytes()),
            follow: Follow::Nowhere,
            answer_timeout: timeout,
        };
        Ok(self.send(&ask).await?.status().as_u16())
    }
}

fn webhook_headers(extra: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in extra {
        match (HeaderName::try_from(*name), HeaderValue::try_from(*value)) {
            (Ok(name), Ok(value)) => {
                headers.insert(name, value);
            }
            _ => tracing::warn!(header = name, "a webhook header is not valid and was left out"),
        }
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers
}
