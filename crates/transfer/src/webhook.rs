//! Reporting the end of a job to the address its owner gave. Such an address is a secret as a whole: whoever knows it may
//! post there. Nothing here says more of it than scheme and host.

use std::time::{Duration, SystemTime};

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use crate::TransferError;
use crate::network::{Ask, Follow, Network};
use crate::web_url::WebUrl;

mod retry_after;

pub use retry_after::RETRY_AFTER_MAX;
use retry_after::retry_after;

/// Longest wait for a webhook's answer: RunPod's own limit (spec runpod-api §3).
pub const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(10);

/// What a receiver said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebhookAnswer {
    /// The HTTP status code.
    pub status: u16,
    /// How long the receiver asks to wait before the next request (`Retry-After`), at most [`RETRY_AFTER_MAX`].
    pub retry_after: Option<Duration>,
}

impl Network {
    /// Says at once, without a look at the network, whether a webhook's address could ever be asked: it is an http or
    /// https address without credentials, and no address that the guard refuses by its face. A name is not resolved: it
    /// may mean something else by the time the job ends.
    ///
    /// # Errors
    /// A sentence that names `webhook` and does not repeat the address.
    pub fn check_webhook(&self, url: &str) -> Result<(), TransferError> {
        let refused = WebUrl::parse_secret(url).and_then(|url| self.check(&url));
        refused.map_err(|error| {
            let reason = match error {
                TransferError::BadUrl { reason, .. } => format!("{reason}; give an address such as https://host/path"),
                TransferError::PrivateAddress { target, .. } => format!(
                    "{target} is not a public address; use a publicly reachable one (an operator can allow private \
                     networks)"
                ),
                other => other.to_string(),
            };
            TransferError::Webhook { reason }
        })
    }

    /// Posts `body` and returns the answer, whatever its status is; the caller decides which ones mean "accepted".
    /// Redirects are not followed (3xx is returned): a webhook that moves should be told to whoever registered it.
    /// The answer's body is not read. `headers` that are no valid headers are left out.
    ///
    /// # Errors
    /// When the address is bad or refused, cannot be reached, or does not answer within `timeout`. The sentence names
    /// scheme and host of the address and no more.
    pub async fn post_json(
        &self,
        url: &str,
        body: &Value,
        headers: &[(&str, &str)],
        timeout: Duration,
    ) -> Result<WebhookAnswer, TransferError> {
        let url = WebUrl::parse_secret(url)?;
        let ask = Ask {
            method: Method::POST,
            url: &url,
            headers: webhook_headers(headers),
            bearer: None,
            cookies: None,
            body: Some(body.to_string().into_bytes()),
            follow: Follow::Nowhere,
            answer_timeout: timeout,
        };
        let answer = self.send(&ask).await?;
        let retry_after = retry_after(answer.headers(), SystemTime::now());
        Ok(WebhookAnswer { status: answer.status().as_u16(), retry_after })
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
