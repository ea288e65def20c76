//! What the operator decides, and the limits with their reasons.

use std::net::IpAddr;
use std::time::Duration;

use protocol::native::Native;

/// Most jobs that may wait: RunPod's limit for one worker (spec runpod-api §2). With bodies of at most 10 MiB the store
/// stays below 5 GiB.
pub const QUEUE_MAX: i64 = 500;

/// The server's settings.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerConfig {
    /// Where clients reach this server (`https://dreambooth.example`). The address of a listener on all interfaces
    /// (`http://0.0.0.0:8000`) reaches nobody, and stands for whatever name each client asked for.
    pub public_url: String,
    /// Who is let in.
    pub access: Access,
    /// How long one attempt may take when the job's policy says nothing.
    pub execution_timeout_ms: i64,
    /// How long a job may wait when its policy says nothing.
    pub ttl_ms: i64,
    /// What the service's own base model takes a request's absent fields to mean, where it is not what the original does.
    pub native: Option<Native>,
    /// What one connection may take, and how many there may be.
    pub connections: ConnectionLimits,
}

/// Who is let in to the endpoint's operations. Files are opened by their signature in both cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Whoever shows a key with the right scope. While there is no key, nobody.
    Keys,
    /// Programs of this machine, without a key, that speak to this port under a loopback name. For a listener on
    /// loopback alone. Web pages in the operator's browser are such programs, too, so what they can send is refused.
    ThisMachine {
        /// The port that is listened on.
        port: u16,
    },
}

/// What one connection may take, and how many there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Open connections. Further ones wait in the system's backlog until one of these ends, which idle ones do after
    /// `head`.
    pub at_once: usize,
    /// Longest time for the head of a request, counted from the end of the request before it: so also the time that a
    /// connection may be idle.
    pub head: Duration,
    /// Longest pause in a request's body. The whole of it must come in before the answer is due.
    pub body_pause: Duration,
    /// Longest time for which a reader may take no byte of its answer.
    pub write_pause: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            // Each takes an open file and at most 64 KiB until its request has a head; a client polls with one.
            at_once: 2_048,
            // A head comes in one packet; clients that poll more rarely than this connect anew.
            head: Duration::from_secs(30),
            // TCP repeats what was lost within seconds.
            body_pause: Duration::from_secs(15),
            // A viewer may stop for a moment; a download that is left goes on later with a byte range.
            write_pause: Duration::from_secs(30),
        }
    }
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
