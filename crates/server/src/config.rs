//! What the operator decides, and the limits with their reasons.

use std::net::IpAddr;

/// Most jobs that may wait: RunPod's limit for one worker (spec runpod-api §2). With bodies of at most 10 MiB the store
/// stays below 5 GiB.
pub const QUEUE_MAX: i64 = 500;

/// The server's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// Where clients reach this server (`https://dreambooth.example`). The address of a listener on all interfaces
    /// (`http://0.0.0.0:8000`) reaches nobody, and stands for whatever name each client asked for.
    pub public_url: String,
    /// Whether a key is needed even when none exists. Only for a server that listens on loopback may this be false.
    /// Once a key exists, one is always needed.
    pub require_key: bool,
    /// How long one attempt may take when the job's policy says nothing.
    pub execution_timeout_ms: i64,
    /// How long a job may wait when its policy says nothing.
    pub ttl_ms: i64,
}

impl ServerConfig {
    /// The address that works from everywhere, if the operator gave one.
    pub(crate) fn reachable_url(&self) -> Option<&str> {
        (!self.listens_everywhere()).then_some(self.public_url.trim_end_matches('/'))
    }

    /// The address for where no client asks; for a listener on all interfaces the best guess is this machine's own.
    pub(crate) fn url_without_client(&self) -> String {
        match (self.reachable_url(), self.public_url.rsplit_once(':')) {
            (Some(url), _) => url.into(),
            (None, Some((_, port))) => format!("http://localhost:{}", port.trim_end_matches('/')),
            (None, None) => "http://localhost".into(),
        }
    }

    fn listens_everywhere(&self) -> bool {
        let host_and_port = self.public_url.trim_start_matches("http://").trim_end_matches('/');
        let host = host_and_port.rsplit_once(':').map_or(host_and_port, |(host, _)| host);
        let address: Result<IpAddr, _> = host.trim_matches(['[', ']']).parse();
        address.is_ok_and(|address| address.is_unspecified())
    }
}
