//! Which addresses may be reached. A job's owner names URLs that this service then opens from inside the operator's
//! network; without a wall, `http://169.254.169.254/` would hand the machine's cloud credentials to a stranger.
//!
//! Three doors are watched, because each of them alone can be walked around: addresses written in the URL, addresses
//! that a name resolves to (checked in the resolver of the client, so the address checked is the address connected
//! to, whatever the name says next), and every step of a redirect ([`crate::network`]).

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Host;

use crate::TransferError;
use crate::web_url::WebUrl;

/// Azure's platform address, the only metadata address of a large cloud that lies in a public range: it hands out the
/// goal state and certificates of the virtual machine that asks. The others lie in ranges that are refused as a whole:
/// link-local, shared (Alibaba's), protocol assignments (Oracle's) and unique local (Amazon's, Google's, Scaleway's).
const AZURE_PLATFORM: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);

/// True for addresses of the public internet, by the IANA special-purpose registries, less the one address of a cloud's
/// inside that bears a public number. An IPv6 address that carries an
/// IPv4 address (mapped, or through NAT64) is as public as the address it carries.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match carried_v4(address) {
            Some(carried) => is_public_v4(carried),
            None => is_public_v6(address),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = match (a, b, c) {
        (0 | 10 | 127 | 224..=255, _, _) => true, // this network, private, loopback, multicast, reserved, broadcast
        (100, 64..=127, _) => true,               // shared by carriers (RFC 6598)
        (169, 254, _) => true,                    // link-local, cloud metadata among it
        (172, 16..=31, _) | (192, 168, _) => true, // private
        (192, 0, 0 | 2) | (198, 51, 100) | (203, 0, 113) => true, // protocol assignments, documentation
        (192, 88, 99) => true,                    // 6to4 relays
        (198, 18 | 19, _) => true,                // benchmarks
        _ => false,
    };
    !special && address != AZURE_PLATFORM
}

/// The IPv4 address inside `::ffff:a.b.c.d` or `64:ff9b::a.b.c.d`.
fn carried_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let nat64 = address.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0];
    if nat64 {
        let [.., a, b, c, d] = address.octets();
        return Some(Ipv4Addr::new(a, b, c, d));
    }
    address.to_ipv4_mapped()
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let global_unicast = (0x2000..=0x3fff).contains(&a);
    let special = match (a, b) {
        (0x2001, 0..=0x1ff) => true, // protocol assignments: Teredo (carries any IPv4), ORCHID, benchmarks
        (0x2001, 0xdb8) => true,     // documentation
        (0x2002, _) => true,         // 6to4: carries any IPv4
        (0x3fff, 0..=0xfff) => true, // documentation
        _ => false,
    };
    global_unicast && !special
}

/// What may be reached: the public internet, hosts that the operator named, or everything.
#[derive(Debug, Clone, Default)]
pub(crate) struct Guard {
    pub(crate) allow_private_networks: bool,
    /// Host names and addresses, lower case, that may be private.
    pub(crate) private_hosts: BTreeSet<String>,
}

impl Guard {
    /// Checks an address that is written in the URL itself; names are checked when they are resolved, but for those
    /// that mean this machine wherever they are asked for.
    pub(crate) fn check(&self, url: &WebUrl) -> Result<(), TransferError> {
        let (host, address) = match url.url().host() {
            Some(Host::Ipv4(address)) => (address.to_string(), IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => (address.to_string(), IpAddr::V6(address)),
            Some(Host::Domain(name)) if is_localhost(name) => (name.to_owned(), Ipv4Addr::LOCALHOST.into()),
            Some(Host::Domain(_)) | None => return Ok(()),
        };
        if self.allows(&host, address) {
            return Ok(());
        }
        Err(TransferError::PrivateAddress { url: url.to_string(), target: host })
    }

    fn allows(&self, host: &str, address: IpAddr) -> bool {
        self.allow_private_networks || is_public(address) || self.private_hosts.contains(&host.to_ascii_lowercase())
    }
}

/// `localhost` and every name below it (RFC 6761 §6.3).
fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
}

/// The resolver's refusal; [`crate::network`] finds it in the client's error and makes the sentence.
#[derive(Debug)]
pub(crate) struct RefusedName {
    pub(crate) host: String,
    pub(crate) address: IpAddr,
}

impl fmt::Display for RefusedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.host, self.address)
    }
}

impl std::error::Error for RefusedName {}

/// The client's resolver. A name with one private address among public ones is refused as a whole: nobody has such a
/// name by accident.
pub(crate) struct GuardedNames {
    pub(crate) guard: Arc<Guard>,
    pub(crate) names: Arc<dyn Resolve>,
}

impl Resolve for GuardedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, host) = (self.guard.clone(), name.as_str().to_owned());
        let resolving = self.names.resolve(name);
        Box::pin(async move {
            let addresses: Vec<SocketAddr> = resolving.await?.collect();
            if let Some(refused) = addresses.iter().find(|address| !guard.allows(&host, address.ip())) {
                return Err(RefusedName { host, address: refused.ip() }.into());
            }
            let addresses: Addrs = Box::new(addresses.into_iter());
            Ok(addresses)
        })
    }
}

/// The system's resolver, off the async threads.
pub(crate) struct SystemNames;

impl Resolve for SystemNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let addresses: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let addresses: Addrs = Box::new(addresses.into_iter());
            Ok(addresses)
        })
    }
}
