//! Calls to addresses that somebody else chose: the page of a handle, the webhook of a recipient. Nothing inside the operator's
//! network is ever asked.
//!
//! In order: https only; an address written as an IP must be public; a name is resolved here and only its public
//! addresses are used for the connection, so that no second look-up can answer differently; no proxy, no redirect, no
//! cookies; a time limit for the whole; a size limit while reading. Hosts that the operator listed may be plain http and
//! private. Nothing of the address or the page is kept in an error.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Response};
use url::{Host, Url};

/// The most that is read of a page, in bytes.
pub const PAGE_BYTES_MAX: usize = 256 * 1024;
/// The time for everything: resolving, connecting, reading.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Why somebody else's server gave no answer that can be used. The texts are for whoever waits for their page to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    /// Not a web address.
    #[error("the handle has no web page that can be read; ask an operator to record the proof")]
    NoPage,
    /// Plain http.
    #[error("the page is not on https; serve it there, or ask an operator to record the proof")]
    NotHttps,
    /// An address inside some network.
    #[error("the page is not at a public address; ask the operator to list its host, or to record the proof")]
    NotPublic,
    /// No connection, or a broken answer.
    #[error("the page could not be reached; check that its server answers and has a valid certificate, then try again")]
    Unreachable,
    /// Too slow.
    #[error("the page took too long to answer; try again later")]
    TimedOut,
    /// The page is somewhere else.
    #[error(
        "the page sends its visitors elsewhere (status {0}), which is not followed; put the proof on the page itself"
    )]
    Redirected(u16),
    /// An answer other than success.
    #[error("the page answered with status {0}; make it public and try again")]
    Status(u16),
    /// Too large.
    #[error("the page is larger than 256 KiB; put the proof on a smaller page, or ask an operator to record it")]
    TooLarge,
    /// The client could not be made.
    #[error("no https client could be made; check that the certificates of the operating system are installed")]
    NoClient,
}

/// Asks servers of others.
#[derive(Debug, Clone)]
pub struct Egress {
    public: Client,
    listed: Client,
    allow_hosts: Vec<String>,
}

impl Egress {
    /// For public addresses and for the hosts that the operator lists as `host:port`.
    pub fn new(allow_hosts: Vec<String>) -> Result<Self, EgressError> {
        Self::with_timeout(allow_hosts, TIMEOUT)
    }
    /// The same with another time limit.
    pub fn with_timeout(allow_hosts: Vec<String>, timeout: Duration) -> Result<Self, EgressError> {
        // The second fetcher of a process finds the provider installed, which is all we want.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let build = |builder: ClientBuilder| {
            let careful = builder.redirect(Policy::none()).no_proxy().referer(false).pool_max_idle_per_host(0);
            careful.timeout(timeout).user_agent("sayso").build().map_err(|_| EgressError::NoClient)
        };
        let public = build(Client::builder().https_only(true).dns_resolver(Arc::new(PublicOnly)))?;
        let allow_hosts = allow_hosts.into_iter().map(|place| place.to_ascii_lowercase()).collect();
        Ok(Self { public, listed: build(Client::builder())?, allow_hosts })
    }
    /// The text of a page; bytes that are not UTF-8 are replaced.
    pub async fn page(&self, url: &str) -> Result<String, EgressError> {
        let url = Url::parse(url).map_err(|_| EgressError::NoPage)?;
        let client = self.client_for(&url)?;
        let response = client.get(url).send().await.map_err(|error| why(&error))?;
        let status = response.status();
        if status.is_redirection() {
            return Err(EgressError::Redirected(status.as_u16()));
        }
        if !status.is_success() {
            return Err(EgressError::Status(status.as_u16()));
        }
        read(response).await
    }

    /// Posts JSON and returns the status, whatever it is. Nothing of the answer is read, and no redirect is followed.
    ///
    /// # Errors
    /// When the address may not be called, or nothing answered in time.
    pub async fn post(&self, url: &str, headers: &[(&'static str, String)], body: String) -> Result<u16, EgressError> {
        let url = Url::parse(url).map_err(|_| EgressError::NoPage)?;
        let mut request = self.client_for(&url)?.post(url).header("content-type", "application/json").body(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        Ok(request.send().await.map_err(|error| why(&error))?.status().as_u16())
    }

    /// Whether an address may be called at all; its name is looked up when it is.
    ///
    /// # Errors
    /// Says why not.
    pub fn may_call(&self, url: &str) -> Result<(), EgressError> {
        let url = Url::parse(url).map_err(|_| EgressError::NoPage)?;
        self.client_for(&url).map(drop)
    }

    fn client_for(&self, url: &Url) -> Result<&Client, EgressError> {
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(EgressError::NoPage);
        };
        let place = format!("{host}:{port}");
        let is_web = matches!(url.scheme(), "https" | "http");
        if is_web && self.allow_hosts.contains(&place) {
            return Ok(&self.listed);
        }
        if url.scheme() != "https" {
            return Err(EgressError::NotHttps);
        }
        let literal = match host {
            Host::Domain(_) => None,
            Host::Ipv4(ip) => Some(IpAddr::V4(ip)),
            Host::Ipv6(ip) => Some(IpAddr::V6(ip)),
        };
        if literal.is_none_or(may_connect) { Ok(&self.public) } else { Err(EgressError::NotPublic) }
    }
}

async fn read(mut response: Response) -> Result<String, EgressError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| why(&error))? {
        if body.len() + chunk.len() > PAGE_BYTES_MAX {
            return Err(EgressError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(String::from_utf8_lossy(&body).into_owned())
}

fn why(error: &reqwest::Error) -> EgressError {
    let mut causes = std::iter::successors(error.source(), |cause| (*cause).source());
    if causes.any(|cause| cause.downcast_ref() == Some(&EgressError::NotPublic)) {
        return EgressError::NotPublic;
    }
    if error.is_timeout() { EgressError::TimedOut } else { EgressError::Unreachable }
}

/// Gives the connection nothing but public addresses.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let public: Vec<SocketAddr> = found.iter().copied().filter(|address| may_connect(address.ip())).collect();
            if public.is_empty() && !found.is_empty() {
                return Err(EgressError::NotPublic.into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

fn may_connect(ip: IpAddr) -> bool {
    is_public(ip) || crate::mutant::on("fetch_follows_private")
}

/// What is not public in IPv4, from the IANA special-purpose registry: network and length of its prefix.
const NOT_PUBLIC_V4: [(Ipv4Addr, u32); 15] = [
    (Ipv4Addr::UNSPECIFIED, 8),           // this network
    (Ipv4Addr::new(10, 0, 0, 0), 8),      // private
    (Ipv4Addr::new(100, 64, 0, 0), 10),   // carrier NAT
    (Ipv4Addr::new(127, 0, 0, 0), 8),     // loopback
    (Ipv4Addr::new(169, 254, 0, 0), 16),  // link-local, where clouds keep their secrets
    (Ipv4Addr::new(172, 16, 0, 0), 12),   // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),    // protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24),    // documentation
    (Ipv4Addr::new(192, 88, 99, 0), 24),  // 6to4 relays
    (Ipv4Addr::new(192, 168, 0, 0), 16),  // private
    (Ipv4Addr::new(198, 18, 0, 0), 15),   // benchmarks
    (Ipv4Addr::new(198, 51, 100, 0), 24), // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),  // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4),     // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4),     // reserved, broadcast
];

/// Only this network holds public IPv6 addresses: it leaves out loopback, mapped IPv4, NAT64, unique-local, link-local, multicast.
const GLOBAL_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
/// What is not public in there.
const NOT_PUBLIC_V6: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // protocol assignments: Teredo, ORCHID, benchmarks
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4, which holds IPv4
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];

/// Whether an address is one on the public internet.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            !NOT_PUBLIC_V4.iter().any(|(net, len)| (ip.to_bits() ^ net.to_bits()).leading_zeros() >= *len)
        }
        IpAddr::V6(ip) => {
            let within = |(net, len): &(Ipv6Addr, u32)| (ip.to_bits() ^ net.to_bits()).leading_zeros() >= *len;
            within(&GLOBAL_V6) && !NOT_PUBLIC_V6.iter().any(within)
        }
    }
}
