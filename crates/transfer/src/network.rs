//! The one HTTP client of the project. Every request passes the [`crate::guard`]; redirects are followed here, step by
//! step, so that each step is checked, a token never leaves the host it is for, and no `Referer` carries a signed query.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::sync::{Arc, Once};
use std::time::Duration;

use protocol::Secret;
use reqwest::dns::Resolve;
use reqwest::header::{COOKIE, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Client, Method, Response, redirect};

use crate::TransferError;
use crate::guard::{Guard, GuardedNames, RefusedName, SystemNames};
use crate::share_link::Sites;
use crate::web_url::WebUrl;

/// Most redirects of one request: real file hosts need two or three.
pub const REDIRECTS_MAX: usize = 5;

/// Longest wait for a connection; a server that needs more is down.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What the client may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NetworkPolicy {
    /// Also reach private, loopback and link-local addresses. For installations whose users are all trusted.
    pub allow_private_networks: bool,
}

/// The guarded client. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Network {
    client: Client,
    guard: Arc<Guard>,
    sites: Arc<Sites>,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("guard", &self.guard).finish_non_exhaustive()
    }
}

impl Network {
    /// A client with the system's resolver and root certificates. It uses no proxy: a proxy would resolve names by
    /// itself, behind the guard's back.
    ///
    /// # Errors
    /// When the system has no root certificates.
    pub fn new(policy: NetworkPolicy) -> Result<Self, TransferError> {
        Self::with_names(policy, &[], Arc::new(SystemNames))
    }

    /// As [`Network::new`], and the named hosts (names or addresses) may be private although others may not: an
    /// object store in the operator's own network, say.
    ///
    /// # Errors
    /// As [`Network::new`].
    pub fn with_private_hosts(policy: NetworkPolicy, private_hosts: &[&str]) -> Result<Self, TransferError> {
        Self::with_names(policy, private_hosts, Arc::new(SystemNames))
    }

    /// As [`Network::with_private_hosts`], with a resolver of one's own, which is guarded like the system's.
    ///
    /// # Errors
    /// As [`Network::new`].
    pub fn with_names(
        policy: NetworkPolicy,
        private_hosts: &[&str],
        names: Arc<dyn Resolve>,
    ) -> Result<Self, TransferError> {
        install_crypto();
        let private_hosts: BTreeSet<String> = private_hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
        let guard = Arc::new(Guard { allow_private_networks: policy.allow_private_networks, private_hosts });
        let client = Client::builder()
            .user_agent(concat!("dreambooth/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(GuardedNames { guard: guard.clone(), names }))
            .redirect(redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .build()
            .map_err(|error| TransferError::Setup { reason: root_cause(&error) })?;
        Ok(Self { client, guard, sites: Arc::default() })
    }

    /// The same client, which knows the share links of these sites instead of the public ones.
    #[must_use]
    pub fn with_sites(self, sites: Sites) -> Self {
        Self { sites: Arc::new(sites), ..self }
    }

    /// Whose share links are understood.
    pub(crate) fn sites(&self) -> &Sites {
        &self.sites
    }

    /// Refuses an address that the guard would never let pass, as far as its text alone tells.
    pub(crate) fn check(&self, url: &WebUrl) -> Result<(), TransferError> {
        self.guard.check(url)
    }

    /// Sends a request and follows its redirects; any status is an answer.
    pub(crate) async fn send(&self, ask: &Ask<'_>) -> Result<Response, TransferError> {
        let mut at = ask.url.clone();
        for _ in 0..=REDIRECTS_MAX {
            let response = self.step(ask, &at).await?;
            if ask.follow == Follow::Nowhere || !response.status().is_redirection() {
                return Ok(response);
            }
            let Some(location) = response.headers().get(LOCATION) else { return Ok(response) };
            let next = at.join(&String::from_utf8_lossy(location.as_bytes()))?;
            if ask.follow == Follow::SameOrigin && !next.same_origin(ask.url) {
                return Ok(response);
            }
            at = next;
        }
        Err(TransferError::TooManyRedirects { url: ask.url.to_string(), limit: REDIRECTS_MAX })
    }

    /// One request to `at`, which is `ask.url` or where it redirected.
    async fn step(&self, ask: &Ask<'_>, at: &WebUrl) -> Result<Response, TransferError> {
        self.guard.check(at).map_err(|error| name_first(error, ask.url))?;
        let mut request = self.client.request(ask.method.clone(), at.url().clone()).headers(ask.headers.clone());
        if let Some(bearer) = ask.bearer.filter(|_| at.same_origin(ask.url)) {
            request = request.bearer_auth(bearer.reveal());
        }
        if let Some(cookies) = ask.cookies.filter(|_| at.same_origin(ask.url)) {
            request = request.header(COOKIE, cookies);
        }
        if let Some(body) = &ask.body {
            request = request.body(body.clone());
        }
        match tokio::time::timeout(ask.answer_timeout, request.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(explain(&error, ask.url)),
            Err(_) => Err(TransferError::TooSlow {
                url: ask.url.to_string(),
                what: "the answer",
                limit_s: ask.answer_timeout.as_secs_f64(),
            }),
        }
    }
}

/// How far redirects are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Follow {
    /// To any address that the guard lets pass.
    Anywhere,
    /// Only on the same host; a redirect away from it is the answer.
    SameOrigin,
    /// Not at all.
    Nowhere,
}

/// One request.
pub(crate) struct Ask<'a> {
    pub(crate) method: Method,
    pub(crate) url: &'a WebUrl,
    pub(crate) headers: HeaderMap,
    /// Shown to the origin of `url` alone.
    pub(crate) bearer: Option<&'a Secret>,
    /// Likewise.
    pub(crate) cookies: Option<&'a HeaderValue>,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) follow: Follow,
    /// Longest wait for the head of each answer, connecting included.
    pub(crate) answer_timeout: Duration,
}

/// `ring` for all TLS of the process, once. An error means that someone installed a provider before: just as good.
fn install_crypto() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// A refused step of a redirect is reported under the address that the user wrote.
fn name_first(error: TransferError, first: &WebUrl) -> TransferError {
    match error {
        TransferError::PrivateAddress { target, .. } => {
            TransferError::PrivateAddress { url: first.to_string(), target }
        }
        other => other,
    }
}

/// The sentence for a failed request: the guard's refusal if that is what it was.
fn explain(error: &reqwest::Error, url: &WebUrl) -> TransferError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(refused) = current.downcast_ref::<RefusedName>() {
            return TransferError::PrivateAddress { url: url.to_string(), target: refused.to_string() };
        }
        cause = current.source();
    }
    TransferError::Unreachable { url: url.to_string(), reason: root_cause(error) }
}

/// The innermost reason: the outer ones repeat the whole URL, query included.
pub(crate) fn root_cause(error: &reqwest::Error) -> String {
    let Some(mut cause) = error.source() else {
        return if error.is_timeout() { "it timed out".into() } else { "the request failed".into() };
    };
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
