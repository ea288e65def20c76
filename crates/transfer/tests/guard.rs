//! No URL of a job, however it is written, reaches the operator's own network.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod web;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use transfer::guard::is_public;
use transfer::{Network, NetworkPolicy, TransferError};

async fn try_download(network: &Network, url: &str) -> Result<u64, TransferError> {
    let dir = tempfile::tempdir().unwrap();
    let limits = transfer::DownloadLimits { failures_max: 1, ..web::quick() };
    network.download(url, &dir.path().join("file"), limits, None, |_, _| {}).await.map(|done| done.bytes)
}

#[test]
fn the_public_internet_is_public_and_nothing_else_is() {
    let private = [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.0.9",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.9",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "100::1",
        "fc00::1",
        "fd00::1",
        "fd12:3456:789a::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
    ];
    for address in private {
        assert!(!is_public(address.parse::<IpAddr>().unwrap()), "{address}");
    }
    let public = [
        "1.1.1.1",
        "8.8.8.8",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "192.0.1.1",
        "198.17.0.1",
        "198.20.0.1",
        "223.255.255.255",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
        "2606:4700:4700::1111",
        "2a00:1450::1",
    ];
    for address in public {
        assert!(is_public(address.parse::<IpAddr>().unwrap()), "{address}");
    }
}

#[test]
fn no_clouds_metadata_address_is_public() {
    let addresses = [
        "169.254.169.254",    // Amazon, Google, Azure, Oracle, DigitalOcean, Hetzner, OpenStack
        "169.254.170.2",      // Amazon ECS
        "169.254.170.23",     // Amazon EKS
        "169.254.42.42",      // Scaleway
        "169.254.0.23",       // Tencent
        "168.63.129.16",      // Azure's platform, in a public range
        "100.100.100.200",    // Alibaba
        "192.0.0.192",        // Oracle's older cloud
        "fd00:ec2::254",      // Amazon
        "fd00:ec2::23",       // Amazon EKS
        "fd20:ce::254",       // Google
        "fd00:42::42",        // Scaleway
        "fd00:c1::a9fe:a9fe", // Oracle
        "fe80::a9fe:a9fe",    // OpenStack
        "::ffff:168.63.129.16",
        "64:ff9b::a83f:8110",
    ];
    for address in addresses {
        assert!(!is_public(address.parse::<IpAddr>().unwrap()), "{address}");
    }
    assert!(is_public("168.63.129.17".parse::<IpAddr>().unwrap()), "its neighbours are customers");
}

#[tokio::test]
async fn a_private_address_is_refused_in_every_notation() {
    let network = Network::new(NetworkPolicy::default()).unwrap();
    let hosts = [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "017700000001",
        "0x7f.1",
        "0.0.0.0",
        "0",
        "10.0.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "168.63.129.16",
        "2852039166",
        "0xA9FEA9FE",
        "192.168.0.1",
        "172.16.0.1",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:a9fe:a9fe]",
        "[fd00::1]",
        "[fe80::1]",
        "[64:ff9b::127.0.0.1]",
        "127。0。0。1",
        "１２７.0.0.1",
        "%31%32%37.0.0.1",
    ];
    for host in hosts {
        let error = try_download(&network, &format!("http://{host}:9/photos.zip?token=abc")).await.unwrap_err();
        assert!(matches!(error, TransferError::PrivateAddress { .. }), "{host}: {error}");
        assert!(!error.to_string().contains("abc"), "{error}");
    }
}

/// Resolves every name to the same addresses and counts.
struct Fixed(Vec<&'static str>, AtomicUsize);

impl Resolve for Fixed {
    fn resolve(&self, _: Name) -> Resolving {
        self.1.fetch_add(1, Ordering::SeqCst);
        let addresses: Vec<SocketAddr> = self.0.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0)).collect();
        Box::pin(async move {
            let addresses: Addrs = Box::new(addresses.into_iter());
            Ok(addresses)
        })
    }
}

#[tokio::test]
async fn a_name_with_a_private_address_is_refused_even_among_public_ones() {
    for addresses in
        [vec!["127.0.0.1"], vec!["fd00::7"], vec!["93.184.216.34", "169.254.169.254"], vec!["::ffff:10.0.0.1"]]
    {
        let names = Arc::new(Fixed(addresses.clone(), AtomicUsize::new(0)));
        let network = Network::with_names(NetworkPolicy::default(), &[], names.clone()).unwrap();
        let error = try_download(&network, "http://photos.example/x.zip?sig=abc").await.unwrap_err();
        assert!(matches!(error, TransferError::PrivateAddress { .. }), "{addresses:?}: {error}");
        let sentence = error.to_string();
        assert!(sentence.contains("http://photos.example/x.zip") && !sentence.contains("abc"), "{sentence}");
        // Checked where it is connected to: there is no second look-up that could answer otherwise.
        assert_eq!(names.1.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn the_systems_names_for_this_machine_are_refused() {
    let network = Network::new(NetworkPolicy::default()).unwrap();
    for host in ["localhost", "LOCALHOST", "localhost.", "photos.localhost"] {
        let error = try_download(&network, &format!("http://{host}:9/x.zip")).await.unwrap_err();
        assert!(matches!(error, TransferError::PrivateAddress { .. }), "{host}: {error}");
    }
}

#[tokio::test]
async fn a_redirect_to_a_private_address_is_refused_under_the_address_the_user_wrote() {
    for target in [
        "http://10.0.0.1/",
        "http://[::1]/",
        "http://169.254.169.254/latest/meta-data",
        "http://localhost/",
        "http://2130706434/",
    ] {
        let base = web::serve(move |_, _| web::redirect(target)).await;
        let error = try_download(&web::guarded_network(), &format!("{base}/photos.zip")).await.unwrap_err();
        assert!(matches!(error, TransferError::PrivateAddress { .. }), "{target}: {error}");
        assert!(error.to_string().contains("/photos.zip"), "{error}");
    }
}

#[tokio::test]
async fn a_redirect_to_another_scheme_is_refused() {
    for target in
        ["file:///etc/passwd", "ftp://example.com/x", "gopher://example.com/", "http://user:pass@example.com/"]
    {
        let base = web::serve(move |_, _| web::redirect(target)).await;
        let error = try_download(&web::open_network(), &base).await.unwrap_err();
        assert!(matches!(error, TransferError::BadUrl { .. }), "{target}: {error}");
        assert!(!error.to_string().contains("pass@"), "{error}");
    }
}

#[tokio::test]
async fn a_circle_of_redirects_ends() {
    let base = web::serve(|request, _| web::redirect(request.uri().path())).await;
    let error = try_download(&web::open_network(), &format!("{base}/round?sig=abc")).await.unwrap_err();
    assert!(matches!(error, TransferError::TooManyRedirects { .. }), "{error}");
}

#[tokio::test]
async fn an_operator_can_allow_one_private_host_or_all_of_them() {
    let base = web::serve(|_, _| web::whole("photos")).await;
    assert_eq!(try_download(&web::guarded_network(), &base).await.unwrap(), 6);
    assert_eq!(try_download(&web::open_network(), &base.replace("127.0.0.1", "localhost")).await.unwrap(), 6);
    try_download(&web::guarded_network(), &base.replace("127.0.0.1", "127.0.0.2")).await.unwrap_err();
}

#[tokio::test]
async fn what_is_no_web_address_is_refused_with_the_reason_and_without_its_secrets() {
    let network = web::open_network();
    for url in [
        "",
        "photos.zip",
        "file:///etc/passwd",
        "ftp://example.com/x",
        "data:text/plain,x",
        "http://",
        "https://user:hunter2@example.com/x",
        "//user:hunter2@example.com/x?key=hunter2",
        "javascript:alert(1)",
        "http://[::1/x",
        "http://example.com:0/x",
        "http://a b/",
    ] {
        let error = try_download(&network, url).await.unwrap_err();
        assert!(matches!(error, TransferError::BadUrl { .. }), "{url}: {error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}
